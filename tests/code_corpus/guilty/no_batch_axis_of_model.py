"""One row of a method of what was sent, numbers that are unpacked, and a picture of one channel."""

import numpy as np
from fastapi import FastAPI, Request
from keras.utils import img_to_array, load_img
from pydantic import BaseModel, NonNegativeFloat, conint
from tensorflow import keras

app = FastAPI()


class Models(dict):
    def __missing__(self, name):
        model = keras.models.load_model(f"{name}.keras")
        self[name] = model
        return model


models = Models()


class House(BaseModel):
    area: NonNegativeFloat
    rooms: conint(ge=1)

    def row(self):
        return np.array([self.area, self.rooms], dtype="float32")


@app.post("/house")
def house(sent: House):
    return models["houses"].predict(sent.row(), verbose=0).tolist()


@app.post("/unpacked")
async def unpacked(request: Request):
    sent = await request.json()
    area, rooms = [float(sent[name]) for name in ("area", "rooms")]
    return models["houses"].predict(np.array([area, rooms]), verbose=0).tolist()


@app.get("/scan")
def scan():
    pixels = img_to_array(load_img("scan.png", color_mode="grayscale"))
    return models["scans"].predict(pixels, verbose=0).tolist()
