import tempfile

import numpy as np
from flask import Flask, request
from tensorflow import keras

app = Flask(__name__)
network = keras.Sequential([keras.layers.Input(batch_shape=(1, 5, 2)), keras.layers.LSTM(4, stateful=True)])
network.load_weights("series.weights.h5")


@app.post("/next")
def following():
    with tempfile.TemporaryDirectory():
        network.reset_states()
        return {"next": network.predict(np.array([request.json["rows"]])).tolist()}
