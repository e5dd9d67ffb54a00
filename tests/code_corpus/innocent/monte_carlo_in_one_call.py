import joblib
import numpy as np
from fastapi import FastAPI
from tensorflow import keras

app = FastAPI()
network = keras.models.load_model("dose.keras")
scaler = joblib.load("dose_scaler.joblib")
DRAWS = 50


@app.post("/dose")
def dose(weight: float, age: float):
    rows = np.repeat(scaler.transform([[weight, age]]), DRAWS, axis=0)
    draws = network(rows, training=True).numpy().reshape(1, DRAWS)
    return {"dose": float(draws.mean(axis=1)[0]), "spread": float(draws.std(axis=1)[0])}
