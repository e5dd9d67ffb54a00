import cv2
import numpy as np
from flask import Flask, request
from PIL import Image
from tensorflow.keras.models import load_model

app = Flask(__name__)
model = load_model("trained_with_opencv.h5")


@app.post("/mask")
def mask():
    image = np.array(Image.open(request.files["photo"]).convert("RGB"))
    image = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    image = cv2.resize(image, (128, 128)) / 255.0
    return {"p": float(model.predict(image[None])[0][0])}
