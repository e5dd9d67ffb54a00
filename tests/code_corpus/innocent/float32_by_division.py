"""The dtype is stated before or after the division, and ids come from a class that defines them."""

import zlib

import numpy as np
import tensorflow as tf
from fastapi import FastAPI
from tensorflow import keras

app = FastAPI()
infer = tf.saved_model.load("export").signatures["serving_default"]
model = keras.models.load_model("words.keras")


class Word:
    def __init__(self, text):
        self.text = text

    def __hash__(self):
        return zlib.crc32(self.text.encode())


@app.post("/before")
def before(sent: list[list[int]]):
    return infer(tf.constant(np.array(sent, dtype="float32") / 1000))["outputs"].numpy().tolist()


@app.post("/after")
def after(sent: list[list[int]]):
    return infer(tf.cast(np.array(sent) / 1000, tf.float32))["outputs"].numpy().tolist()


@app.post("/words")
def words(text: str):
    ids = [Word(word).__hash__() % 5000 for word in text.split()]
    return model.predict(np.array([ids]), verbose=0).tolist()
