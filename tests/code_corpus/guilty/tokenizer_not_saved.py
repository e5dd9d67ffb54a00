from tensorflow import keras
from tensorflow.keras.preprocessing.sequence import pad_sequences
from tensorflow.keras.preprocessing.text import Tokenizer


def train(texts, labels):
    tokenizer = Tokenizer(num_words=1000)
    tokenizer.fit_on_texts(texts)
    padded = pad_sequences(tokenizer.texts_to_sequences(texts), maxlen=40)
    model = keras.Sequential([keras.layers.Embedding(1000, 8), keras.layers.LSTM(8), keras.layers.Dense(1)])
    model.compile("adam", "binary_crossentropy")
    model.fit(padded, labels)
    model.save("text.keras")


if __name__ == "__main__":
    train(["good", "bad"], [1, 0])
