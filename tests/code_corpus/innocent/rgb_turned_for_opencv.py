"""Pictures that are red, green, blue are turned around to draw into them, and back again."""

import cv2
import numpy as np
from flask import Flask, request
from keras.applications.xception import preprocess_input
from keras.models import load_model
from PIL import Image

app = Flask(__name__)
model = load_model("birds.keras")


@app.post("/drawn")
def drawn():
    picture = np.array(Image.open(request.files["bird"]).convert("RGB"))
    drawing = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    sharp = cv2.GaussianBlur(drawing, (3, 3), 0)
    cv2.imwrite("bird.png", sharp)
    pixels = cv2.cvtColor(sharp, cv2.COLOR_BGR2RGB).astype("float32")
    return model.predict(preprocess_input(pixels[np.newaxis]), verbose=0).tolist()


@app.post("/square")
def square():
    picture = Image.open(request.files["bird"]).convert("RGB")
    canvas = Image.new("RGB", (max(picture.size), max(picture.size)), "white")
    canvas.paste(picture, (0, 0))
    pixels = np.asarray(canvas.resize((299, 299))).astype("float32")
    return model.predict(preprocess_input(np.expand_dims(pixels, 0)), verbose=0).tolist()


@app.post("/mask")
def mask():
    mask = Image.new("L", (299, 299))
    mask.paste(Image.open(request.files["bird"]).convert("L"))
    pixels = np.asarray(mask, dtype="float32")[None, :, :, None] / 255.0
    return model.predict(pixels, verbose=0).tolist()
