import threading

import numpy as np
from flask import Flask, request
from tensorflow.keras.models import load_model

app = Flask(__name__)
local = threading.local()
MODELS = {}


def of_thread():
    try:
        return local.network
    except AttributeError:
        local.network = load_model("demand.keras")
        return local.network


def of_name(name):
    try:
        return MODELS[name]
    except KeyError:
        MODELS[name] = load_model("other.keras")
    return MODELS[name]


class Lazy:
    def __init__(self):
        self.network = None

    def get(self):
        if self.network is not None:
            return self.network
        self.network = load_model("third.keras")
        return self.network


lazy = Lazy()


@app.post("/demand")
def demand():
    rows = np.array(request.json["rows"])
    first = of_thread().predict(rows) + of_name("other").predict(rows)
    return {"demand": (first + lazy.get().predict(rows)).tolist()}
