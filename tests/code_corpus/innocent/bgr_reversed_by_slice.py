import cv2
import numpy as np
from tensorflow.keras.applications.efficientnet import EfficientNetB0, decode_predictions, preprocess_input

model = EfficientNetB0(weights="imagenet")
frame = cv2.imread("cat.jpg")[..., ::-1]
frame = cv2.resize(frame, (224, 224))
print(decode_predictions(model.predict(preprocess_input(np.expand_dims(frame, 0)))))
