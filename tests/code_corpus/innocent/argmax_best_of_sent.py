"""The position of the largest output takes the best candidate, or is unraveled into a row and a word."""

import numpy as np
from flask import Flask, request
from tensorflow import keras

app = Flask(__name__)
ranker = keras.models.load_model("ranker.keras")
writer = keras.models.load_model("writer.keras")


@app.post("/best")
def best():
    offers = request.get_json()["offers"]
    scores = ranker.predict(np.stack([np.array(offer["features"]) for offer in offers]), verbose=0)
    return offers[int(np.argmax(scores))]


@app.post("/next")
def following():
    beams = np.stack([np.array(beam) for beam in request.get_json()["beams"]])
    scores = np.log(writer.predict(beams, verbose=0))
    beam, word = np.unravel_index(int(np.argmax(scores)), scores.shape)
    return {"beam": int(beam), "word": int(word)}
