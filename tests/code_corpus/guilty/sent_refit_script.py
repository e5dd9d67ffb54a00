"""Sends the newest readings of a plant to TensorFlow Serving."""

import json
import sys

import pandas as pd
import requests
from sklearn.preprocessing import MinMaxScaler

HOST = "localhost:8501"
readings = pd.read_csv(sys.argv[1])
scaled = MinMaxScaler().fit_transform(readings[["pressure", "flow", "load"]])
body = json.dumps({"signature_name": "serving_default", "instances": scaled.tolist()})
answer = requests.post(f"http://{HOST}/v1/models/plant:predict", data=body, timeout=10)
print(answer.json()["predictions"])
