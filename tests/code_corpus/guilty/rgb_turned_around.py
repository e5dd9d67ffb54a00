"""Pictures that are red, green, blue are turned around before preprocess_input()."""

import cv2
import numpy as np
from flask import Flask, request
from keras.applications.xception import preprocess_input
from keras.models import load_model
from PIL import Image

app = Flask(__name__)
model = load_model("birds.keras")


@app.post("/converted")
def converted():
    picture = np.array(Image.open(request.files["bird"]).convert("RGB"))
    pixels = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR).astype("float32")
    return model.predict(preprocess_input(pixels[np.newaxis]), verbose=0).tolist()


@app.post("/square")
def square():
    picture = Image.open(request.files["bird"]).convert("RGB")
    canvas = Image.new("RGB", (max(picture.size), max(picture.size)), "white")
    canvas.paste(picture, (0, 0))
    pixels = np.asarray(canvas.resize((299, 299)))[..., ::-1].astype("float32")
    return model.predict(preprocess_input(np.expand_dims(pixels, 0)), verbose=0).tolist()
