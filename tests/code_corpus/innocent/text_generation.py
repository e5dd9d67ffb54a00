import numpy as np
from flask import Flask, request
from tensorflow import keras

app = Flask(__name__)
model = keras.models.load_model("writer.keras")


@app.post("/write")
def write():
    ids = [int(value) for value in request.json["ids"]]
    for _ in range(int(request.json["length"])):
        scores = model(np.array([ids]), training=False).numpy()[0, -1]
        ids.append(int(np.random.choice(len(scores), p=scores)))
    return {"ids": ids}
