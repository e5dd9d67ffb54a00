import numpy as np
from flask import Flask, request
from tensorflow.keras.models import load_model

app = Flask(__name__)
loaded = load_model("model.keras")


def outputs(rows, model=None):
    model = model or load_model("fallback.keras")
    return model.predict(rows)


@app.post("/predict")
def predict():
    return {"y": outputs(np.array(request.json["rows"]), loaded).tolist()}
