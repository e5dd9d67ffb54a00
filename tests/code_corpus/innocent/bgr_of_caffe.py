"""VGG and ResNet were trained on blue, green, red: without preprocess_input(), OpenCV's order is theirs."""

import cv2
import numpy as np
from keras.applications import ResNet50
from keras.applications.vgg16 import VGG16 as Network
from keras.applications.vgg16 import decode_predictions
from keras.models import load_model

MEANS = np.array([103.939, 116.779, 123.68], dtype="float32")
vgg, residual = Network(weights="imagenet"), ResNet50(include_top=False, pooling="avg")
tuned = load_model("birds_vgg.keras")


def names(path):
    picture = cv2.resize(cv2.imread(path), (224, 224)).astype("float32") - MEANS
    return decode_predictions(vgg.predict(picture[None]), top=3)[0]


def vector(path):
    picture = cv2.resize(cv2.imread(path), (224, 224)).astype("float32")
    picture -= [103.939, 116.779, 123.68]
    return residual.predict(np.expand_dims(picture, axis=0))[0]


def bird(path):
    picture = np.subtract(cv2.resize(cv2.imread(path), (224, 224)), MEANS)
    outputs = tuned.predict(picture[None])
    return decode_predictions(outputs, top=1)[0]
