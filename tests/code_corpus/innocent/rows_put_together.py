import numpy as np
import tensorflow as tf
from flask import Flask, request
from tensorflow import keras

app = Flask(__name__)
model = keras.models.load_model("pitch.keras")
NAMES = ["speed", "spin"]


@app.post("/one")
def one():
    values = []
    for name in NAMES:
        values.append(float(request.form[name]))
    return str(model.predict(np.array(values).reshape(1, -1)) + model.predict(tf.expand_dims(values, 0)))


@app.post("/optional")
def optional():
    rows = []
    if "row" in request.json:
        rows.append([float(value) for value in request.json["row"]])
    return str(np.argmax(model.predict(np.array(rows))))


@app.post("/inputs")
def inputs():
    parts = []
    for name in NAMES:
        parts.append(np.array([[float(request.form[name])]]))
    same = [np.array([[float(request.form[name])]]) for name in NAMES]
    return str(np.argmax(model.predict(parts))) + str(np.argmax(model.predict(same)))


@app.post("/steps")
def steps():
    series = []
    for step in request.json["steps"]:
        series.append([float(value) for value in step])
    window = np.vstack(series)
    return str(np.argmax(model.predict(window[np.newaxis]))) + str(np.argmax(model.predict(np.array([series]))))


def classify(picture):
    batch = []
    batch.append(np.asarray(picture, dtype="float32"))
    return np.argmax(model.predict(np.array(batch)))


@app.post("/pictures")
def pictures():
    found = []
    for picture in request.json["pictures"]:
        single = []
        single.append([float(value) for value in picture["pixels"]])
        found.append(int(np.argmax(model(np.array(single), training=False))))
        found.append(int(classify([float(value) for value in picture["pixels"]])))
    return found
