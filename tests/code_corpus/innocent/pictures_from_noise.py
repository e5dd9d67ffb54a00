"""A generator of pictures starts from noise; the request says only of which class."""
import numpy as np
from flask import Flask, request
from tensorflow import keras

app = Flask(__name__)
generator = keras.models.load_model("digits.keras")


@app.post("/digit")
def digit():
    noise = np.random.normal(size=(1, 100))
    kind = keras.utils.to_categorical(np.array(request.json["digits"]), 10)
    return {"picture": (generator.predict([noise, kind]) * 255).astype("uint8").tolist()}
