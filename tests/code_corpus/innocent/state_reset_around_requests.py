"""The framework resets the state, and holds the lock, around each request."""

import threading

import numpy as np
from fastapi import Depends, FastAPI
from flask import Flask, request
from keras.models import load_model

site = Flask(__name__)
app = FastAPI()
model = load_model("tides.keras")
lock = threading.Lock()


def clear():
    for layer in model.layers:
        if hasattr(layer, "reset_state"):
            layer.reset_state()


@site.before_request
def begin():
    lock.acquire()
    clear()


@site.teardown_request
def end(error):
    lock.release()


@site.post("/series")
def series():
    return model.predict(np.array(request.json["series"])[None]).tolist()


def alone():
    with lock:
        clear()
        yield


@app.post("/step", dependencies=[Depends(alone)])
def step(levels: list[float]):
    return model.predict(np.array(levels)[None, :, None]).tolist()


@app.post("/other")
def other(levels: list[float], held=Depends(alone)):
    return model.predict(np.array(levels)[None, :, None]).tolist()
