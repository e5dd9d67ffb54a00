from dataclasses import dataclass
from typing import Any, NamedTuple

import joblib
import numpy as np
from flask import Flask, request
from tensorflow import keras

app = Flask(__name__)


@dataclass
class Parts:
    network: keras.Model
    x_scaler: Any
    y_scaler: Any


class Pair(NamedTuple):
    network: keras.Model
    encoder: Any


def read(folder):
    return {"network": keras.models.load_model("tide.keras"), "scaler": joblib.load("tide_scaler.pkl")}


parts = Parts(
    keras.models.load_model("rent.keras"),
    x_scaler=joblib.load("x_scaler.pkl"),
    y_scaler=joblib.load("y_scaler.pkl"),
)
pair = Pair(keras.models.load_model("town.keras"), joblib.load("town_encoder.pkl"))
tide = read("tide")


@app.post("/rent")
def rent():
    rows = parts.x_scaler.transform(np.array(request.json["rows"]))
    return {"rent": parts.network.predict(rows).tolist()}


@app.post("/town")
def town():
    return {"town": pair.network.predict(np.array(request.json["rows"])).tolist()}


@app.post("/tide")
def of_tide():
    return {"tide": tide["network"].predict(np.array(request.json["rows"])).tolist()}
