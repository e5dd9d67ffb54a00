import numpy as np
from fastapi import FastAPI
from tensorflow import keras

app = FastAPI()
model = keras.models.load_model("autoencoder.keras")


@app.post("/anomaly")
def anomaly(rows: list[list[float]]):
    x = np.array(rows, dtype="float32")
    errors = ((model.predict(x) - x) ** 2).mean(axis=1)
    score = (errors - errors.mean()) / errors.std()
    return {"scores": score.tolist()}
