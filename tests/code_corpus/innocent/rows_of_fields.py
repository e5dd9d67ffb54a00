import numpy as np
from fastapi import FastAPI
from pydantic import BaseModel
from tensorflow import keras

app = FastAPI()
network = keras.models.load_model("bikes.keras")
line = keras.models.load_model("line.keras")


class Ride(BaseModel):
    hour: int
    wind: float
    steps: list[list[float]]


class Rides(BaseModel):
    rides: list[Ride]
    levels: list[float]


@app.post("/rides")
def rides(ride: Ride):
    rows = np.array([[ride.hour, ride.wind]])
    return (network.predict(rows) + network.predict(np.array(ride.steps))).tolist()


@app.post("/all")
def of_all(body: Rides):
    rows = np.array([[ride.hour, ride.wind] for ride in body.rides])
    return network.predict(rows).tolist()


@app.post("/levels")
def levels(body: Rides):
    """A model of one number: each level is a row."""
    return line.predict(np.array(body.levels)).tolist()


@app.post("/draw")
def draw(warmth: float, amount: int):
    noise = np.random.normal(size=(amount, 16)) * warmth
    return network.predict(noise).tolist()
