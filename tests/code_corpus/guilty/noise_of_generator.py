"""Numbers of a generator are added to the rows, and the rows are shuffled."""

import numpy as np
import tensorflow as tf
from flask import Flask, request
from keras.models import load_model

app = Flask(__name__)
model = load_model("risk.keras")
source = tf.random.Generator.from_non_deterministic_state()


@app.post("/noise")
def noise():
    rows = np.array([[float(value) for value in row] for row in request.json["rows"]])
    return model.predict(rows * source.uniform(rows.shape, 0.9, 1.1), verbose=0).tolist()


@app.post("/old")
def old():
    rows = np.array([[float(value) for value in row] for row in request.json["rows"]])
    return model.predict(rows + np.random.RandomState().laplace(size=rows.shape), verbose=0).tolist()


@app.post("/order")
def order():
    rows = np.array([[float(value) for value in row] for row in request.json["rows"]])
    np.random.default_rng().shuffle(rows)
    return model.predict(rows, verbose=0).tolist()
