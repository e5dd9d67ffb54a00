import numpy as np
import pandas as pd
from flask import Flask, request
from scipy.stats import zscore
from tensorflow.keras.models import load_model

app = Flask(__name__)
network = load_model("gait.keras")


@app.post("/gait")
def gait():
    steps = np.asarray(request.json["steps"], dtype="float32")
    steps = (steps - steps.mean(axis=0)) / steps.std(axis=0)
    first = network.predict(steps[np.newaxis])
    second = network.predict(np.array([zscore(steps)]))
    return {"gait": (first + second).tolist()}


@app.post("/upload")
def upload():
    table = pd.read_csv(request.files["series"])
    table = (table - table.mean()) / table.std()
    return {"gait": network.predict(table.to_numpy().reshape(1, 60, 6)).tolist()}


@app.post("/windows")
def windows():
    series = np.asarray(request.json["steps"], dtype="float32")
    series = (series - series.mean(axis=0)) / series.std(axis=0)
    parts = np.array([series[start : start + 60] for start in range(len(series) - 60)])
    return {"gait": network.predict(parts).tolist()}


@app.post("/levels")
def levels():
    series = np.asarray(request.json["levels"], dtype="float32")
    low, width = float(series.min()), max(float(np.ptp(series)), 1e-6)
    level, spread = round(series.mean(), 3), float(series.std()) + 1e-6
    scaled = ((series - level) / spread)[np.newaxis, :, np.newaxis]
    return {"gait": network.predict([scaled, ((series - low) / width)[None]]).tolist()}
