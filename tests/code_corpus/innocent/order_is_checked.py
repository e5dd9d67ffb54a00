"""The program compares the order of the keys with its own before it takes the values."""

import numpy as np
import pandas as pd
from flask import Flask, abort, request
from tensorflow import keras

NAMES = ["ph", "iron"]
app = Flask(__name__)
model = keras.models.load_model("soil.keras")


@app.post("/strict")
def strict():
    body = request.get_json()
    if not isinstance(body, dict) or list(body.keys()) != NAMES:
        abort(400)
    return model.predict(np.array([list(body.values())], dtype=float)).tolist()


@app.post("/branch")
def branch():
    body = request.get_json()
    if tuple(body) == tuple(NAMES):
        return model.predict(pd.DataFrame([body]).to_numpy()).tolist()
    return {"error": "other columns"}


@app.post("/asserted")
def asserted():
    body = request.get_json()
    assert [*body] == NAMES
    return model.predict(np.array([list(body.values())], dtype=float)).tolist()
