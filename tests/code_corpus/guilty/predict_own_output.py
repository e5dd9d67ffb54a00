import numpy as np
from flask import Flask, request
from tensorflow.keras.models import load_model

app = Flask(__name__)
model = load_model("series.keras")


@app.post("/forecast")
def forecast():
    window = np.array([float(v) for v in request.json["window"]])
    outputs = []
    for _ in range(10):
        batch = window.reshape(1, 24, 1)
        value = model.predict(batch)[0][0]
        outputs.append(float(value))
        window = np.append(window[1:], value)
    return {"outputs": outputs}
