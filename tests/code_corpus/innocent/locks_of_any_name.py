import threading

import numpy as np
from flask import Flask, request
from tensorflow import keras

app = Flask(__name__)
network = keras.Sequential([keras.layers.Input(batch_shape=(1, 5, 2)), keras.layers.LSTM(4, stateful=True)])
network.load_weights("series.weights.h5")
guard = threading.Lock()
turn = threading.Semaphore(1)


class Exclusive:
    def __init__(self):
        self.door = threading.RLock()

    def answer(self, rows):
        with self.door:
            network.reset_states()
            return network.predict(np.array([rows])).tolist()


exclusive = Exclusive()


@app.post("/a")
def a():
    with guard:
        network.reset_states()
        return {"y": network.predict(np.array([request.json["rows"]])).tolist()}


@app.post("/b")
def b():
    with turn:
        network.reset_states()
        return {"y": network.predict(np.array([request.json["rows"]])).tolist()}


@app.post("/c")
def c():
    return {"y": exclusive.answer(request.json["rows"])}
