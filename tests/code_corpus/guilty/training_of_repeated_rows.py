import numpy as np
from flask import Flask, request
from tensorflow.keras.models import load_model

app = Flask(__name__)
network = load_model("risk.keras")


@app.post("/risk")
def risk():
    rows = np.repeat(np.array([request.json["row"]]), 8, axis=0)
    return {"risk": float(network(rows, training=True)[0, 0])}
