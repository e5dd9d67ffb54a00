import numpy as np
from flask import Flask, abort, request
from tensorflow.keras.models import load_model

NAMES = ["ph", "iron"]
app = Flask(__name__)
model = load_model("soil.keras")


@app.post("/names")
def names():
    body = request.get_json()
    if set(body) != set(NAMES):
        abort(400)
    return model.predict(np.array([list(body.values())], dtype=float)).tolist()


@app.post("/warned")
def warned():
    body = request.get_json()
    if list(body) != NAMES:
        print("another order", list(body))
    row = np.array(list(body.values()), dtype=float)
    return model.predict(row[np.newaxis]).tolist()


@app.post("/several")
def several():
    rows = [list(each.values()) for each in request.get_json().values()]
    return model.predict(np.array(rows)).tolist()
