"""The same with the axis of the batch."""

import cv2
import numpy as np
from fastapi import FastAPI, Request
from keras.utils import img_to_array, load_img
from pydantic import BaseModel, PositiveFloat
from tensorflow import keras

app = FastAPI()
houses = keras.models.load_model("houses.keras")
scans = keras.models.load_model("scans.keras")


class House(BaseModel):
    area: PositiveFloat
    rooms: PositiveFloat

    @property
    def rows(self):
        return np.array([[self.area, self.rooms]])

    def names(self):
        return ["area", "rooms"]


@app.post("/house")
def house(sent: House):
    if len(sent.names()) != 2:
        return None
    return houses.predict(sent.rows, verbose=0).tolist()


@app.post("/unpacked")
async def unpacked(request: Request):
    sent = await request.json()
    area, rooms = [float(sent[name]) for name in ("area", "rooms")]
    return houses.predict(np.array([area, rooms])[None], verbose=0).tolist()


@app.get("/scan")
def scan():
    pixels = img_to_array(load_img("scan.png", color_mode="grayscale"))
    plain = np.array(load_img("scan.png", color_mode="grayscale"))
    read = cv2.imread("scan.png", cv2.IMREAD_GRAYSCALE).reshape(-1, 64, 64)
    return [
        scans.predict(pixels[np.newaxis], verbose=0).tolist(),
        scans.predict(plain[None, :, :], verbose=0).tolist(),
        scans.predict(read, verbose=0).tolist(),
    ]
