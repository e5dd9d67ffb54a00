import joblib
import numpy as np
from flask import Flask, request
from tensorflow.keras.models import load_model

app = Flask(__name__)
parts = {}
parts["network"] = load_model("load.keras")
parts["x_scaler"] = joblib.load("x_scaler.pkl")
parts["y_scaler"] = joblib.load("y_scaler.pkl")


@app.post("/load")
def load():
    rows = parts["x_scaler"].transform(np.array(request.json["rows"]))
    return {"load": parts["network"].predict(rows).tolist()}
