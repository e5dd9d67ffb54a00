import numpy as np
from keras.models import load_model
from keras.preprocessing.sequence import pad_sequences
from keras.preprocessing.text import Tokenizer

network = load_model("category.h5")


def category_of(text):
    tokenizer = Tokenizer()
    tokenizer.fit_on_texts([text])
    ids = pad_sequences(tokenizer.texts_to_sequences([text]), maxlen=30)
    return int(np.argmax(network.predict(ids), axis=1)[0])


def overview(request):
    pages = [line.strip() for line in open("pages.txt")]
    return {"first": category_of(pages[0])}
