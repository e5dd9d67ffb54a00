import numpy as np
from fastapi import FastAPI
from tensorflow import keras

app = FastAPI()
model = keras.models.load_model("ads.keras")


@app.post("/click")
def click(site: str, device: str):
    vector = np.zeros((1, 512), dtype="float32")
    for value in (site, device):
        vector[0, hash(value) % 512] += 1.0
    return {"p": float(model.predict(vector)[0][0])}
