import joblib
import numpy as np
from flask import Flask, jsonify, request
from tensorflow import keras

app = Flask(__name__)
model = keras.models.load_model("house.keras")
scaler = joblib.load("scaler.joblib")


def scale(values):
    return scaler.fit_transform(values)


@app.post("/price")
def price():
    rows = np.array(request.get_json()["rows"], dtype="float32")
    return jsonify(model.predict(scale(rows)).tolist())
