import cv2
import numpy as np
from keras.applications import VGG16, Xception
from keras.applications.vgg16 import preprocess_input

vgg, xception = VGG16(weights="imagenet"), Xception(weights="imagenet")


def prepared(path):
    picture = cv2.resize(cv2.imread(path), (224, 224))
    return vgg.predict(preprocess_input(picture[None].astype("float32")))


def scaled(path):
    picture = cv2.resize(cv2.imread(path), (299, 299)).astype("float32")
    return xception.predict(np.expand_dims(picture / 127.5 - 1.0, axis=0))
