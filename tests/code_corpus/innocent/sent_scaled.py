"""Sends readings to TensorFlow Serving, scaled as in training; the service gives outputs in kWh."""

import joblib
import pandas as pd
import requests

scaler = joblib.load("feature_scaler.joblib")
readings = pd.read_csv("today.csv")
scaled = scaler.transform(readings[["pressure", "flow", "load"]])
answer = requests.post(
    "http://localhost:8501/v1/models/plant:predict", json={"instances": scaled.tolist()}, timeout=10
)
print(answer.json()["predictions"])
for row in scaled:
    requests.post("http://localhost:8501/v1/models/plant:predict", json={"instances": [row.tolist()]}, timeout=10)
