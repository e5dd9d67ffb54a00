import os

import numpy as np
from flask import Flask, request
from tensorflow import keras

app = Flask(__name__)
FOLDER = os.environ["FOLDER"]


@app.post("/risk")
def risk():
    data = request.get_json()
    try:
        rows = np.array(data["rows"])
    except KeyError:
        network = keras.models.load_model(f"{FOLDER}/small.keras")
        return {"risk": network.predict(np.array([data["row"]])).tolist()}
    network = keras.models.load_model(f"{FOLDER}/large.keras")
    return {"risk": network.predict(rows).tolist()}
