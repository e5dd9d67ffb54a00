"""The axis of a column is that of the rows: nothing is missing where each row is one text or one number."""

import pandas as pd
import tensorflow as tf
from flask import Flask, request
from tensorflow import keras

app = Flask(__name__)
model = keras.models.load_model("tickets.keras")
words = keras.layers.TextVectorization(vocabulary="words.txt", output_sequence_length=60)


@app.post("/queue")
def queue():
    frame = pd.DataFrame(request.json["tickets"], columns=["title", "hours"])
    return model.predict(words(tf.constant(frame["title"])), verbose=0).tolist()


@app.post("/urgent")
def urgent():
    frame = pd.DataFrame(request.json["tickets"], columns=["title", "hours"])
    hours = frame["hours"].to_numpy("float32")[-20:]
    return model.predict(hours / 24.0, verbose=0).tolist()


@app.post("/late")
def late():
    frame = pd.DataFrame(request.json["tickets"], columns=["title", "hours"])
    return model.predict(frame.loc[frame["hours"] > 48, "title"], verbose=0).tolist()
