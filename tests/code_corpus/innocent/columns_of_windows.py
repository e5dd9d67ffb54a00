"""Series of one column: the new axis is that of the column, and a further one that of the batch."""
import numpy as np
from flask import Flask, request
from tensorflow import keras

app = Flask(__name__)
network = keras.Sequential([keras.layers.LSTM(16), keras.layers.Dense(1)])
network.load_weights("level.weights.h5")


@app.post("/one")
def one():
    levels = np.array(request.json["levels"])[:, None]
    return {"next": network.predict(levels[None]).tolist()}


@app.post("/several")
def several():
    series = np.stack([np.expand_dims(np.array(each), 1) for each in request.json["series"]])
    return {"next": network.predict(series).tolist()}
