import numpy as np
from flask import Flask, request
from PIL import Image
from tensorflow.keras.models import load_model

app = Flask(__name__)
model = load_model("model.keras")


@app.post("/image")
def image():
    picture = Image.open(request.files["image"])
    if picture.mode == "L":
        x = np.array(picture.convert("RGB").resize((64, 64))) / 255.0
    else:
        x = np.array(picture.resize((64, 64))) / 255.0
    return {"p": model.predict(np.expand_dims(x, 0)).tolist()}
