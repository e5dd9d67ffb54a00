import numpy as np
import tensorflow as tf
from flask import Flask, request

app = Flask(__name__)


def classify(pixels):
    model = tf.keras.models.load_model("model.keras")
    return model.predict(pixels)


@app.route("/classify", methods=["POST"])
def handler():
    pixels = np.array(request.json["pixels"], dtype="float32")
    return {"scores": classify(pixels).tolist()}
