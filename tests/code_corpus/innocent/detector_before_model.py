"""A detector gets another order of channels; the model gets its own."""
import cv2
import mediapipe
import numpy as np
from tensorflow.keras.models import load_model

hands = mediapipe.solutions.hands.Hands()
model = load_model("signs.h5")
frame = cv2.imread("hand.png")
rgb = cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
found = hands.process(rgb)
points = found.multi_hand_landmarks[0].landmark
row = np.array([[point.x for point in points]])
crop = cv2.resize(frame, (64, 64)) / 255.0
crop = cv2.cvtColor(crop.astype("float32"), cv2.COLOR_BGR2RGB)
print(model.predict(crop[None]), row)
