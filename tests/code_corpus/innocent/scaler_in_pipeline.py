import joblib
from flask import Flask, request
import numpy as np
from sklearn.pipeline import make_pipeline
from tensorflow import keras

app = Flask(__name__)
model = keras.models.load_model("model.keras")
scaler = joblib.load("scaler.pkl")
steps = [("scale", scaler)]


@app.post("/run")
def run():
    rows = np.array(request.json["rows"])
    for _, step in steps:
        rows = step.transform(rows)
    return {"y": model.predict(rows).tolist()}
