import joblib
import pandas as pd
from flask import Flask, jsonify, request
from tensorflow.keras.models import load_model

app = Flask(__name__)
model = load_model("model.keras")
scaler = joblib.load("scaler.joblib")


@app.post("/risk")
def risk():
    frame = pd.DataFrame([request.get_json()])[["age", "income", "debt"]]
    return jsonify(model.predict(scaler.transform(frame)).tolist())
