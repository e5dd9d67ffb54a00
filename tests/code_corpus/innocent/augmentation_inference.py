import numpy as np
from flask import Flask, request
from PIL import Image
from tensorflow import keras

app = Flask(__name__)
model = keras.models.load_model("model.keras")
augment = keras.Sequential([keras.layers.RandomFlip("horizontal"), keras.layers.RandomRotation(0.1)])


@app.post("/image")
def image():
    x = np.array(Image.open(request.files["image"]).convert("RGB").resize((64, 64)))[None]
    return {"p": model.predict(x).tolist()}
