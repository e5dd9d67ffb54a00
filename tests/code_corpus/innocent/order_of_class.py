import numpy as np
from fastapi import FastAPI
from pydantic import BaseModel
from tensorflow import keras

app = FastAPI()
model = keras.models.load_model("model.keras")


class Flower(BaseModel):
    length: float
    width: float


@app.post("/flower")
def flower(item: Flower):
    row = np.array([list(item.model_dump().values())])
    return {"p": model.predict(row).tolist()}
