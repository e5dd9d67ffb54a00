import numpy as np
import tensorflow as tf
from flask import Flask, request

app = Flask(__name__)
network = tf.keras.models.load_model("risk.keras")


@app.post("/risk")
def risk():
    row = tf.constant([request.json["row"]], dtype=tf.float32)
    draws = network(tf.tile(row, [100, 1]), training=True)
    low, high = np.percentile(draws, [5, 95], axis=0)
    return {"low": float(low[0]), "high": float(high[0])}
