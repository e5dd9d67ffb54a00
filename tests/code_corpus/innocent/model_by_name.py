import numpy as np
from fastapi import FastAPI
from tensorflow import keras

app = FastAPI()
cache = {}


@app.post("/predict/{name}")
def predict(name: str, rows: list[list[float]]):
    if name not in cache:
        cache[name] = keras.models.load_model(f"models/{name}.keras")
    return cache[name].predict(np.array(rows)).tolist()
