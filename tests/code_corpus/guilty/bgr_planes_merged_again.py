import cv2
import numpy as np
from flask import Flask, request
from tensorflow.keras.applications.resnet50 import ResNet50, decode_predictions, preprocess_input

app = Flask(__name__)
network = ResNet50()


def prepared(content):
    image = cv2.resize(cv2.imdecode(np.frombuffer(content, np.uint8), 1), (224, 224))
    blue, green, red = cv2.split(image)
    green = cv2.equalizeHist(green)
    return cv2.merge([blue, green, red])[None].astype("float32")


@app.post("/name")
def name():
    pixels = prepared(request.data)
    return str(decode_predictions(network.predict(preprocess_input(pixels)))[0])
