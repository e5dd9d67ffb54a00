import numpy as np
from flask import Flask, request
from tensorflow.keras.models import load_model
from tensorflow.keras.utils import img_to_array, load_img

app = Flask(__name__)
model = load_model("birds.keras")


@app.post("/bird")
def bird():
    request.files["image"].save("upload.jpg")
    image = img_to_array(load_img("upload.jpg", target_size=(224, 224))) / 255.0
    return {"scores": model.predict(image).tolist()}
