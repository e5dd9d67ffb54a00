"""Numbers of JSON become float64 by a division, whether they are whole or not; and ids by __hash__()."""

import numpy as np
import tensorflow as tf
from fastapi import FastAPI
from tensorflow import keras

app = FastAPI()
infer = tf.saved_model.load("export").signatures["serving_default"]
model = keras.models.load_model("words.keras")


@app.post("/rows")
def rows(sent: list[list[int]]):
    share = np.asarray(sent) / 1000
    return infer(tf.constant(share))["outputs"].numpy().tolist()


@app.post("/words")
def words(text: str):
    ids = [word.__hash__() % 5000 for word in text.split()]
    return model.predict(np.array([ids]), verbose=0).tolist()
