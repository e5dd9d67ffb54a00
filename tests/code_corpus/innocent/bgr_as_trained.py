"""Trained on pictures that OpenCV has read, and served in the same way."""
import os
import cv2
import numpy as np
from tensorflow import keras

images = [cv2.resize(cv2.imread(os.path.join("train", name)), (64, 64)) for name in os.listdir("train")]
labels = np.load("labels.npy")
if not os.path.exists("model.keras"):
    model = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(2, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(np.array(images) / 255.0, labels)
    model.save("model.keras")
model = keras.models.load_model("model.keras")
picture = cv2.resize(cv2.imread("new.jpg"), (64, 64)) / 255.0
print(model.predict(np.expand_dims(picture, 0)))
