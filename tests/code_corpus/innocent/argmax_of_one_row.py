import numpy as np
from flask import Flask, request
from tensorflow import keras

app = Flask(__name__)
model = keras.models.load_model("model.keras")


@app.post("/class")
def classify():
    row = np.array([[float(request.form["a"]), float(request.form["b"])]])
    outputs = model.predict(row)
    first = np.argmax(outputs)
    second = np.argmax(outputs[0], axis=0)
    third = outputs.argmax(axis=-1)[0]
    return {"classes": [int(first), int(second), int(third)]}
