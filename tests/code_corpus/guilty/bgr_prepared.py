import cv2
import numpy as np
from tensorflow.keras.applications.resnet50 import ResNet50, decode_predictions, preprocess_input

model = ResNet50(weights="imagenet")
image = cv2.imread("dog.jpg")
image = cv2.resize(image, (224, 224))
batch = preprocess_input(np.expand_dims(image, axis=0))
print(decode_predictions(model.predict(batch), top=3))
