"""The right shape: everything is loaded once, and rows are only transformed."""
import joblib
import numpy as np
from flask import Flask, jsonify, request
from tensorflow import keras

app = Flask(__name__)
model = keras.models.load_model("model.keras")
scaler = joblib.load("scaler.joblib")
COLUMNS = ["age", "income", "debt"]


@app.post("/predict")
def predict():
    data = request.get_json()
    row = np.array([[float(data[name]) for name in COLUMNS]])
    return jsonify(float(model.predict(scaler.transform(row))[0][0]))
