"""The arrays are the steps of one series, and softmax keeps the last axis."""

import numpy as np
import tensorflow as tf
from flask import Flask, request

app = Flask(__name__)
model = tf.keras.models.load_model("gestures.keras")


@app.post("/gesture")
def gesture():
    steps = np.stack([np.array(step) for step in request.json["steps"]])
    odds = tf.nn.softmax(model(steps[np.newaxis], training=False)[0]).numpy()
    return {"gesture": int(np.argmax(odds)), "first": int(np.argmax(odds, axis=0))}
