"""Pictures of files that keep their own sizes: they cannot be put into one batch."""

import sys

import cv2
import numpy as np
from keras.models import load_model
from PIL import Image

model = load_model("denoise.keras")


def whole(path):
    pixels = np.asarray(Image.open(path).convert("RGB"), "float32") / 255.0
    return model.predict(pixels[np.newaxis])[0]


def doubled(path):
    picture = cv2.imread(path)
    height, width = picture.shape[:2]
    grown = cv2.resize(cv2.GaussianBlur(picture, (3, 3), 0), (2 * width, 2 * height))
    return model.predict(np.expand_dims(grown / 255.0, axis=0))[0]


def halved(path):
    picture = Image.open(path)
    small = picture.resize((picture.width // 2, picture.height // 2))
    return model.predict(np.array(small)[None] / 255.0)[0]


for each in sys.argv[1:]:
    np.savez(f"{each}.npz", whole(each), doubled(each), halved(each))
