import threading
from contextlib import contextmanager
from functools import wraps

import numpy as np
from flask import Flask, request
from tensorflow import keras

app = Flask(__name__)
network = keras.Sequential([keras.layers.Input(batch_shape=(1, 5, 2)), keras.layers.GRU(4, stateful=True)])
network.load_weights("series.weights.h5")
door = threading.Lock()


@contextmanager
def series():
    with door:
        network.reset_states()
        yield network


class Turn:
    def __enter__(self):
        door.acquire()
        return network

    def __exit__(self, *problem):
        door.release()


def alone(function):
    @wraps(function)
    def inner(*arguments, **options):
        door.acquire()
        try:
            return function(*arguments, **options)
        finally:
            door.release()

    return inner


@app.post("/a")
def a():
    with series() as shared:
        return {"y": shared.predict(np.array([request.json["rows"]])).tolist()}


@app.post("/b")
def b():
    with Turn() as shared:
        shared.reset_states()
        return {"y": shared.predict(np.array([request.json["rows"]])).tolist()}


@app.post("/c")
@alone
def c():
    network.reset_states()
    return {"y": network.predict(np.array([request.json["rows"]])).tolist()}


@app.post("/d")
def d():
    if not door.acquire(timeout=5):
        return {"error": "busy"}, 503
    try:
        network.reset_states()
        return {"y": network.predict(np.array([request.json["rows"]])).tolist()}
    finally:
        door.release()


class Waiting:
    def __init__(self):
        self.line = threading.Condition()

    def __enter__(self):
        self.line.__enter__()

    def __exit__(self, *problem):
        self.line.__exit__(*problem)


waiting = Waiting()


@app.post("/e")
def e():
    with waiting:
        network.reset_states()
        return {"y": network.predict(np.array([request.json["rows"]])).tolist()}
