"""Whole rows and pictures, each under a key of the client: their order is that of the answer."""

import numpy as np
import pandas as pd
from flask import Flask, request
from PIL import Image
from tensorflow import keras

NAMES = ["ph", "iron"]
app = Flask(__name__)
model = keras.models.load_model("soil.keras")


@app.post("/samples")
def samples():
    rows = request.json["samples"]
    outputs = model.predict(np.array([*rows.values()], "float32") / 14.0)
    return dict(zip(rows, outputs[:, 0].tolist()))


@app.post("/table")
def table():
    frame = pd.DataFrame(list(request.json.values()), columns=NAMES)
    return dict(zip(request.json, model.predict(frame.to_numpy()).tolist()))


@app.post("/photos")
def photos():
    pictures = [np.asarray(Image.open(each).resize((64, 64))) for each in request.files.values()]
    return dict(zip(request.files, model.predict(np.stack(pictures) / 255.0).tolist()))


@app.post("/series")
def series():
    rows = list(map(np.array, request.json.values()))
    return model.predict(np.vstack(rows)).tolist()


@app.post("/named")
def named():
    rows = [[float(each["ph"]), float(each["iron"])] for each in request.json.values()]
    return dict(zip(request.json, model.predict(np.array(rows)).tolist()))
