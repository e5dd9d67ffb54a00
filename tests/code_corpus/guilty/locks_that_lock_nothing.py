import threading
import time
from contextlib import contextmanager

import numpy as np
from flask import Flask, request
from tensorflow import keras

app = Flask(__name__)
network = keras.Sequential([keras.layers.Input(batch_shape=(1, 5, 2)), keras.layers.GRU(4, stateful=True)])
network.load_weights("series.weights.h5")
log = threading.Lock()


@contextmanager
def time_lock():
    start = time.time()
    yield
    print(time.time() - start)


def write(text):
    log.acquire()
    print(text)
    log.release()


@app.post("/a")
def a():
    with time_lock():
        network.reset_states()
        return {"y": network.predict(np.array([request.json["rows"]])).tolist()}


@app.post("/b")
def b():
    write("b")
    network.reset_states()
    return {"y": network.predict(np.array([request.json["rows"]])).tolist()}
