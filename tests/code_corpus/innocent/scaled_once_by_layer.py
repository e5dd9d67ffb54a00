"""One Rescaling layer, or one division; limits of 255; .jpg, which matplotlib reads as whole numbers."""

import cv2
import keras
import matplotlib.pyplot as plt
import numpy as np
from flask import Flask, request
from keras import layers

app = Flask(__name__)
model = keras.models.load_model("leaves.keras")
scale = layers.Rescaling(1 / 255)
louder = layers.Rescaling(2.0)
bare = keras.applications.MobileNetV3Small(weights="imagenet", include_preprocessing=False)
network = keras.applications.EfficientNetB0(weights="imagenet")
older = keras.applications.MobileNetV2(weights="imagenet")
own = keras.Sequential([layers.Rescaling(1 / 255), layers.Flatten(), layers.Dense(4)])
own.load_weights("own.weights.h5")


def sent():
    content = np.frombuffer(request.files["leaf"].read(), np.uint8)
    return cv2.cvtColor(cv2.imdecode(content, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)[np.newaxis]


@app.post("/all")
def scaled():
    halves = sent() / 127.5 - 1.0
    bright = cv2.normalize(sent()[0], None, 0, 255, cv2.NORM_MINMAX)[np.newaxis]
    example = plt.imread("static/example.jpg")[np.newaxis] / 255.0
    return [
        model.predict(scale(sent()), verbose=0).tolist(),
        model.predict(louder(sent() / 255.0), verbose=0).tolist(),
        model.predict(bright / 255.0, verbose=0).tolist(),
        model.predict(example, verbose=0).tolist(),
        own.predict(sent(), verbose=0).tolist(),
        network.predict(sent(), verbose=0).tolist(),
        bare.predict(halves, verbose=0).tolist(),
        older.predict(sent() / 127.5 - 1.0, verbose=0).tolist(),
    ]
