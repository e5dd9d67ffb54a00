import threading
from functools import wraps

import numpy as np
from flask import Flask, request
from tensorflow import keras

app = Flask(__name__)
network = keras.Sequential([keras.layers.Input(batch_shape=(1, 5, 2)), keras.layers.LSTM(4, stateful=True)])
network.load_weights("series.weights.h5")
door = threading.RLock()


def one_at_a_time(function):
    @wraps(function)
    def inner(*arguments):
        with door:
            return function(*arguments)

    return inner


@one_at_a_time
def answer(rows):
    network.reset_states()
    return network.predict(np.array([rows])).tolist()


@app.post("/next")
def following():
    return {"next": answer(request.json["rows"])}
