"""Pixels are divided, and a Rescaling layer scales them again: in the code, or in a model that it builds."""

import cv2
import keras
import matplotlib.image as mpimg
import numpy as np
from flask import Flask, request
from keras import layers

app = Flask(__name__)
model = keras.models.load_model("leaves.keras")
scale = layers.Rescaling(scale=1.0 / 127.5, offset=-1)
network = keras.applications.MobileNetV3Small(weights="imagenet")
own = keras.Sequential([layers.Rescaling(1 / 255), layers.Flatten(), layers.Dense(4)])
own.load_weights("own.weights.h5")


def sent():
    content = np.frombuffer(request.files["leaf"].read(), np.uint8)
    return cv2.cvtColor(cv2.imdecode(content, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)


@app.post("/layer")
def by_layer():
    pixels = sent()[np.newaxis] / 255.0
    return model.predict(scale(pixels), verbose=0).tolist()


@app.post("/network")
def by_network():
    pixels = cv2.normalize(sent(), None, alpha=0, beta=1, norm_type=cv2.NORM_MINMAX, dtype=cv2.CV_32F)
    return network.predict(pixels[np.newaxis], verbose=0).tolist()


@app.post("/own")
def by_own():
    pixels = sent().astype("float32") * (1 / 255)
    return own.predict(pixels[np.newaxis], verbose=0).tolist()


@app.get("/example")
def example():
    pixels = mpimg.imread("static/example.png")[..., :3]
    return model.predict(np.divide(pixels, 255.0)[np.newaxis], verbose=0).tolist()
