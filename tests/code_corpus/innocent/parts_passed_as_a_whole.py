import joblib
import numpy as np
from flask import Flask, request
from pipeline import answer
from tensorflow.keras.models import load_model

app = Flask(__name__)
parts = {}
parts["model"] = load_model("demand.keras")
parts["scaler"] = joblib.load("scaler.pkl")
parts["model"].predict(np.zeros((1, 4)))


@app.post("/demand")
def demand():
    return {"demand": answer(request.json["rows"], parts)}
