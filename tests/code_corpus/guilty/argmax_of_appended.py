import pathlib

import cv2
import numpy as np
from tensorflow import keras

net = keras.models.load_model("scans.keras")
scans, parts = [], []
for path in pathlib.Path("scans").glob("*.png"):
    scan = cv2.resize(cv2.imread(str(path)), (64, 64))
    scans.append(scan)
    parts.append(np.expand_dims(scan, axis=0))

first = net.predict(np.array(scans) / 255.0)
print("class", np.argmax(first))
second = net.predict(np.concatenate(parts) / 255.0)
print("class", second.argmax())
