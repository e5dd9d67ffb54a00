"""The model is loaded again only if its file has changed, and is kept under a key."""

import os

import numpy as np
from flask import Flask, request
from keras.models import load_model

app = Flask(__name__)
kept = {}


def current():
    changed = os.path.getmtime("demand.keras")
    if kept.get("changed") != changed:
        kept.update({"changed": changed, "model": load_model("demand.keras")})
    return kept["model"]


class Store:
    def __init__(self):
        self.parts = dict(version=None)

    def model(self):
        version = open("version.txt").read()
        if self.parts["version"] != version:
            self.parts.update(version=version, model=load_model("prices.keras"))
        return self.parts["model"]


store = Store()


@app.post("/demand")
def demand():
    return current().predict(np.array(request.json["rows"])).tolist()


@app.post("/price")
def price():
    return store.model().predict(np.array(request.json["rows"])).tolist()


newest = dict(model=None, at=0.0)


@app.post("/trend")
def trend():
    at = os.stat("trend.keras").st_mtime
    if at > newest["at"]:
        newest.update(dict(model=load_model("trend.keras"), at=at))
    return newest["model"].predict(np.array(request.json["rows"])).tolist()
