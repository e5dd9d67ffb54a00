from functools import partial

import numpy as np
from flask import Flask, request
from tensorflow import keras

app = Flask(__name__)
infer = partial(keras.models.load_model("risk.keras"), training=True)


@app.post("/risk")
def risk():
    return {"risk": infer(np.array(request.json["rows"])).numpy().tolist()}
