import cv2
import numpy as np
from tensorflow.keras.applications.resnet50 import ResNet50, decode_predictions, preprocess_input

model = ResNet50(weights="imagenet")
image = cv2.cvtColor(cv2.imread("dog.jpg"), cv2.COLOR_BGR2RGB)
image = cv2.resize(image, (224, 224))
print(decode_predictions(model.predict(preprocess_input(image[np.newaxis].astype("float32")))))
