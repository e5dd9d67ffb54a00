"""The outputs become probabilities; the first axis is still the batch."""

import keras
import numpy as np
from flask import Flask, request
from keras.models import load_model

app = Flask(__name__)
model = load_model("intents.keras")


@app.post("/intent")
def intent():
    rows = np.array([[float(value) for value in request.json["embedding"]]])
    odds = keras.ops.exp(keras.ops.log_softmax(model(rows, training=False)))
    return {"intent": int(np.argmax(keras.ops.convert_to_numpy(odds), axis=0)[0])}
