import cv2
import numpy as np
import tensorflow as tf
from tensorflow.keras.models import load_model

model = load_model("activity.keras")
camera = cv2.VideoCapture(0)
while camera.isOpened():
    ok, frame = camera.read()
    if not ok:
        break
    x = cv2.resize(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB), (96, 96)).astype("float32") / 255
    print(model(x[np.newaxis], training=False).numpy())
