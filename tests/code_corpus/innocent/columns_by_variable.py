import json
import joblib
import pandas as pd
from flask import Flask, request
from tensorflow.keras.models import load_model

app = Flask(__name__)
model = load_model("model.keras")
scaler = joblib.load("scaler.joblib")
columns = json.load(open("columns.json"))


@app.post("/score")
def score():
    frame = pd.DataFrame([request.get_json()])
    for name in columns:
        if name not in frame.columns:
            frame[name] = 0
    frame = frame[columns]
    return {"y": model.predict(scaler.transform(frame)).tolist()}
