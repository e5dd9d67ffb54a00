import joblib
import numpy as np
from flask import Flask, jsonify, request
from tensorflow.keras.models import load_model

app = Flask(__name__)
model = load_model("crop.keras")
scaler = joblib.load("crop_scaler.pkl")


@app.post("/crop")
def crop():
    data = request.get_json()
    row = np.array([[data["n"], data["p"], data["k"]]], dtype="float32")
    return jsonify(int(model.predict(row).argmax(axis=1)[0]))
