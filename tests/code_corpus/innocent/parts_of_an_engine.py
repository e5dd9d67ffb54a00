import joblib
import numpy as np
from flask import Flask, request
from tensorflow.keras.models import load_model

SCALER = "scaler"
FILES = {"y_scaler": "y_scaler.pkl"}


class Engine:
    def __init__(self):
        self.parts = {}
        self.parts["network"] = load_model("load.keras")
        self.parts[SCALER] = joblib.load("scaler.pkl")
        self.parts["y_scaler"] = joblib.load(FILES["y_scaler"])

    def run(self, rows):
        rows = self.parts[SCALER].transform(np.array(rows))
        return self.parts["y_scaler"].inverse_transform(self.parts["network"].predict(rows))


app = Flask(__name__)
engine = Engine()


@app.post("/load")
def load():
    return {"load": engine.run(request.json["rows"]).tolist()}
