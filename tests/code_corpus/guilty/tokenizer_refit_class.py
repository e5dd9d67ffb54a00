from keras.models import load_model
from keras.preprocessing.text import Tokenizer
from keras.utils import pad_sequences


class Analyser:
    def __init__(self, path):
        self.model = load_model(path)
        self.tokenizer = Tokenizer()

    def prepare(self, text):
        self.tokenizer.fit_on_texts([text])
        return pad_sequences(self.tokenizer.texts_to_sequences([text]), maxlen=50)

    def predict(self, text):
        return self.model.predict(self.prepare(text))


analyser = Analyser("spam.keras")
print(analyser.predict(input("Message: ")))
