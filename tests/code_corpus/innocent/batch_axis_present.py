import numpy as np
from flask import Flask, request
from tensorflow import keras
from tensorflow.keras.utils import img_to_array, load_img

app = Flask(__name__)
model = keras.models.load_model("model.keras")


@app.post("/image")
def image():
    x = img_to_array(load_img("upload.jpg", target_size=(64, 64)))
    x = x.reshape((1,) + x.shape)
    return {"p": model.predict(x / 255.0).tolist()}


@app.post("/pair")
def pair():
    left = np.array([[float(request.form["a"])]])
    right = np.array([[float(request.form["b"])]])
    return {"p": model.predict([left, right]).tolist()}
