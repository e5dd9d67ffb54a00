from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import joblib
import numpy as np
from flask import Flask, request
from preparing import prepare
from tensorflow import keras

app = Flask(__name__)


@dataclass
class Parts:
    network: keras.Model
    scaler: Any


class Pair(NamedTuple):
    network: keras.Model
    encoder: Any


class Service:
    def __init__(self, network, scaler):
        self.network = network
        self.scaler = scaler

    def answer(self, rows):
        return self.network.predict(self.scaler.transform(np.array(rows))).tolist()


def artifacts():
    network = keras.models.load_model("rent.keras")
    scaler = joblib.load("scaler.pkl")
    return network, scaler


def of_tide():
    return {"network": keras.models.load_model("tide.keras"), "scaler": joblib.load("tide_scaler.pkl")}


service = Service(*artifacts())
network, rent_scaler = artifacts()
fields = asdict(Parts(keras.models.load_model("town.keras"), joblib.load("town_scaler.pkl")))
pair = Pair(keras.models.load_model("day.keras"), joblib.load("day_encoder.pkl"))
tide = of_tide()
whole = Parts(keras.models.load_model("sea.keras"), joblib.load("sea_scaler.pkl"))


@app.post("/rent")
def rent():
    rows = rent_scaler.transform(np.array(request.json["rows"]))
    return {"rent": service.answer(request.json["rows"]) + network.predict(rows).tolist()}


@app.post("/town")
def town():
    rows = fields["scaler"].transform(np.array(request.json["rows"]))
    return {"town": fields["network"].predict(rows).tolist()}


@app.post("/day")
def day():
    model, encoder = pair
    return {"day": model.predict(encoder.transform(request.json["days"])).tolist()}


@app.post("/tide")
def levels():
    values = list(tide.values())
    return {"tide": values[0].predict(values[1].transform(np.array(request.json["rows"]))).tolist()}


@app.post("/sea")
def sea():
    return {"sea": whole.network.predict(prepare(whole, request.json["rows"])).tolist()}
