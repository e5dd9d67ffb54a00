import numpy as np
from flask import Flask, request
from PIL import Image
from tensorflow.keras.models import load_model

app = Flask(__name__)
model = load_model("leaf.keras")


def prepare(stream):
    image = Image.open(stream).resize((128, 128))
    return np.array(image) / 255.0


@app.post("/leaf")
def leaf():
    pixels = prepare(request.files["image"])
    batch = np.expand_dims(pixels, axis=0) / 255
    return {"class": int(np.argmax(model.predict(batch)[0]))}
