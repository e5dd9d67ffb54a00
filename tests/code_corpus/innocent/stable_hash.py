import zlib
import numpy as np
from flask import Flask, request
from tensorflow import keras

app = Flask(__name__)
model = keras.models.load_model("model.keras")


def hash(word):
    return zlib.crc32(word.encode())


@app.post("/topic")
def topic():
    ids = [hash(word) % 1000 for word in request.form["text"].split()]
    padded = keras.utils.pad_sequences([ids], maxlen=20)
    return {"topic": int(model.predict(padded).argmax(axis=-1)[0])}
