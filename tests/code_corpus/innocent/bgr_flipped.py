import cv2
import numpy as np
import tensorflow as tf
from flask import Flask, request
from tensorflow.keras.applications.resnet50 import ResNet50, decode_predictions, preprocess_input

app = Flask(__name__)
network = ResNet50()


def variants(content):
    image = cv2.resize(cv2.imdecode(np.frombuffer(content, np.uint8), 1), (224, 224))
    first = np.flip(image, axis=-1)
    second = tf.reverse(image, axis=[-1])
    third = np.dstack(cv2.split(image)[::-1])
    return np.stack([first, second, third]).astype("float32")


@app.post("/name")
def name():
    pixels = variants(request.data)
    return str(decode_predictions(network.predict(preprocess_input(pixels)))[0])
