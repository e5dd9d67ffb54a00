import numpy as np
from flask import Flask, request
from tensorflow import keras

app = Flask(__name__)
_model = None


def get_model():
    global _model
    if _model is None:
        _model = keras.models.load_model("model.keras")
    return _model


@app.post("/predict")
def predict():
    return {"y": get_model().predict(np.array(request.json["rows"])).tolist()}
