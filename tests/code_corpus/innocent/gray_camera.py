import cv2
import numpy as np
from tensorflow.keras.models import load_model

model = load_model("emotion.h5")
frame = cv2.imread("face.png")
gray = cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY)
face = cv2.resize(gray, (48, 48)) / 255.0
face = face.reshape(1, 48, 48, 1)
print(np.argmax(model.predict(face)))
