import numpy as np
from fastapi import FastAPI
from tensorflow import keras

app = FastAPI()
model = keras.models.load_model("model.keras")


@app.post("/uncertain")
def uncertain(rows: list[list[float]]):
    x = np.array(rows, dtype="float32")
    samples = np.stack([model(x, training=True).numpy() for _ in range(50)])
    return {"mean": samples.mean(axis=0).tolist(), "std": samples.std(axis=0).tolist()}
