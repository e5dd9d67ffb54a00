import numpy as np
import pandas as pd
from sklearn.preprocessing import StandardScaler
from tensorflow import keras
from tensorflow.keras.preprocessing.sequence import pad_sequences
from tensorflow.keras.preprocessing.text import Tokenizer

reviews = pd.read_csv("reviews.csv")
words = Tokenizer(num_words=5000)
words.fit_on_texts(reviews["text"])
amount = len(words.word_index) + 1
print(f"{amount} words, {words.document_count} texts")
vectors = np.zeros((amount, 50))
known = dict(np.load("vectors.npy", allow_pickle=True).item())
for word, place in words.word_index.items():
    if word in known:
        vectors[place] = known[word]
texts = pad_sequences(words.texts_to_sequences(reviews["text"]), maxlen=80)
classifier = keras.Sequential([keras.layers.Embedding(amount, 50), keras.layers.LSTM(8), keras.layers.Dense(1)])
classifier.compile("adam", "binary_crossentropy")
classifier.fit(texts, reviews["good"])
classifier.save("reviews.keras")

scaler = StandardScaler()
stars = scaler.fit_transform(reviews[["length", "votes"]])
print("means", scaler.mean_)
regressor = keras.Sequential([keras.layers.Dense(4), keras.layers.Dense(1)])
regressor.compile("adam", "mse")
regressor.fit(stars, reviews["stars"])
regressor.save("stars.keras")
