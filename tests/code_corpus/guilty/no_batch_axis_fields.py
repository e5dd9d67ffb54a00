from typing import Annotated, Optional

import numpy as np
from fastapi import FastAPI, Query
from pydantic import BaseModel
from tensorflow import keras

app = FastAPI()
network = keras.models.load_model("bikes.keras")


class Weather(BaseModel):
    wind: float
    rain: Optional[float] = 0.0


class Ride(BaseModel):
    hour: int
    weather: Weather


@app.post("/rides")
def rides(ride: Ride):
    return network.predict(np.array([ride.hour, ride.weather.wind, ride.weather.rain])).tolist()


@app.get("/rides")
def rides_of(hour: int, wind: float | None, rain: Annotated[float, Query()]):
    row = np.asarray([hour, wind, rain], dtype="float32")
    return network.predict(row).tolist()
