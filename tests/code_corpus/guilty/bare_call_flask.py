import numpy as np
from flask import Flask, jsonify, request
from PIL import Image
from tensorflow import keras

app = Flask(__name__)
model = keras.models.load_model("fruit.keras")


@app.post("/fruit")
def fruit():
    image = Image.open(request.files["image"]).resize((100, 100))
    array = np.expand_dims(np.array(image), 0)
    scores = model(array)
    return jsonify(scores.numpy().tolist())
