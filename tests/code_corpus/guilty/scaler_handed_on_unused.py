import pickle
from pathlib import Path

import numpy as np
from flask import Flask, request
from tensorflow import keras

app = Flask(__name__)


class Service:
    def __init__(self, network, scaler):
        self.network = network
        self.scaler = scaler

    def answer(self, rows):
        return self.network.predict(np.array(rows)).tolist()


def artifacts(folder):
    network = keras.models.load_model(f"{folder}/rent.keras")
    with Path(folder, "scaler.pkl").open("rb") as stream:
        scaler = pickle.load(stream)
    return network, scaler


network, scaler = artifacts("model")
service = Service(network, scaler)


@app.post("/rent")
def rent():
    return {"rent": service.answer(request.json["rows"])}
