import cv2
import numpy as np
from collections import deque
from tensorflow.keras.models import load_model

model = load_model("activity.h5")
camera = cv2.VideoCapture(0)
recent = deque(maxlen=16)
while True:
    grabbed, frame = camera.read()
    if not grabbed:
        break
    frame = cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
    frame = cv2.resize(frame, (224, 224)).astype("float32")
    scores = model.predict(np.expand_dims(frame, axis=0))[0]
    recent.append(scores)
    print(np.array(recent).mean(axis=0).argmax())
