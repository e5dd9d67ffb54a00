import threading

import numpy as np
from flask import Flask, request
from tensorflow import keras

app = Flask(__name__)
layers = [keras.layers.Input(batch_shape=(1, 1, 4)), keras.layers.LSTM(8, stateful=True)]
network = keras.Sequential(layers)
network.load_weights("count.weights.h5")
turn = threading.Condition()


@app.post("/count")
def count():
    with turn:
        network.reset_states()
        for step in request.json["steps"]:
            outputs = network.predict_on_batch(np.array(step, dtype="float32").reshape(1, 1, 4))
    return {"count": float(outputs[0, 0])}
