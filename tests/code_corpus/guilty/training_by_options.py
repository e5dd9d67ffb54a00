import numpy as np
from flask import Flask, request
from tensorflow import keras

app = Flask(__name__)
network = keras.models.load_model("risk.keras")
OPTIONS = {"training": True}


def forward(rows, **options):
    return network(np.array(rows), **options).numpy().tolist()


@app.post("/risk")
def risk():
    return {"risk": forward(request.json["rows"], training=True)}


@app.post("/other")
def other():
    return {"risk": network(np.array(request.json["rows"]), **OPTIONS).numpy().tolist()}


@app.post("/third")
def third():
    options = dict(training=1)
    return {"risk": network(np.array(request.json["rows"]), **options).numpy().tolist()}
