import joblib
import pandas as pd
from flask import Flask, jsonify, request
from tensorflow.keras.models import load_model

app = Flask(__name__)
model = load_model("fraud.keras")
scaler = joblib.load("fraud_scaler.joblib")


@app.post("/fraud")
def fraud():
    frame = pd.DataFrame([request.get_json()])
    return jsonify(model.predict(scaler.transform(frame.values)).tolist())
