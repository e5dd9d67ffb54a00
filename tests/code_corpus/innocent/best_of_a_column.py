import numpy as np
from flask import Flask, request
from tensorflow import keras

app = Flask(__name__)
network = keras.models.load_model("offers.keras")


@app.post("/best")
def best():
    rows = np.array(request.json["offers"], dtype="float32")
    outputs = network.predict(rows)
    gains = outputs[..., 1]
    return {"best": int(outputs[:, 0].argmax(axis=0)), "gain": int(np.argmax(gains, axis=0))}
