from functools import partial

import numpy as np
from flask import Flask, request
from tensorflow import keras

app = Flask(__name__)
network = keras.models.load_model("risk.keras")
infer = partial(network, training=False)
OPTIONS = {"training": False}
sample = partial(network, training=True)


@app.post("/risk")
def risk():
    rows = np.array(request.json["rows"])
    outputs = infer(rows) + network(rows, **OPTIONS) + network.call(rows, training=False)
    return {"risk": outputs.numpy().tolist()}


@app.post("/spread")
def spread():
    rows = np.array(request.json["rows"])
    draws = np.stack([sample(rows) for _ in range(30)])
    return {"spread": draws.std(axis=0).tolist()}
