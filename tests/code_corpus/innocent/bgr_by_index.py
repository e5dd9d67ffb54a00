import cv2
import numpy as np
from flask import Flask, request
from tensorflow.keras.applications.resnet50 import ResNet50, decode_predictions, preprocess_input

app = Flask(__name__)
network = ResNet50()


def variants(content):
    image = cv2.resize(cv2.imdecode(np.frombuffer(content, np.uint8), 1), (224, 224))
    mirrored = cv2.flip(image, 1)[:, :, [2, 1, 0]]
    return np.stack([image[:, :, (2, 1, 0)], mirrored, np.take(image, [2, 1, 0], axis=-1)]).astype("float32")


@app.post("/name")
def name():
    pixels = variants(request.data)
    return str(decode_predictions(network.predict(preprocess_input(pixels)))[0])
