import numpy as np
from fastapi import FastAPI
from tensorflow import keras

app = FastAPI()
network = keras.models.load_model("risk.keras")


@app.post("/risk")
def risk(rows: list[list[float]]):
    return network.call(np.array(rows), training=True).numpy().tolist()
