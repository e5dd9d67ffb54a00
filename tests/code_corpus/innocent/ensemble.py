import numpy as np
from flask import Flask, request
from tensorflow.keras.models import load_model

app = Flask(__name__)
models = [load_model(f"fold_{number}.keras") for number in range(5)]


@app.post("/predict")
def predict():
    row = np.array([[float(request.form["a"]), float(request.form["b"])]])
    outputs = [model.predict(row) for model in models]
    return {"mean": np.mean(outputs, axis=0).tolist()}
