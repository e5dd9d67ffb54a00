"""The mean of the pictures that were sent is subtracted from them."""

import numpy as np
from flask import Flask, request
from keras.models import load_model
from PIL import Image
from tensorflow.keras.preprocessing.image import ImageDataGenerator

app = Flask(__name__)
model = load_model("scans.keras")


@app.post("/scans")
def scans():
    sent = request.files.getlist("scans")
    pixels = np.stack([np.array(Image.open(each).resize((128, 128)), dtype="float32") for each in sent])
    images = ImageDataGenerator(featurewise_center=True)
    images.fit(pixels)
    return model.predict(images.flow(pixels, shuffle=False)).tolist()
