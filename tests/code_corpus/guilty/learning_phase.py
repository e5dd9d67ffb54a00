from flask import Flask, request
import numpy as np
from tensorflow.keras import backend as K
from tensorflow.keras.models import load_model

K.set_learning_phase(1)
app = Flask(__name__)
model = load_model("old.h5")


@app.post("/old")
def old():
    return {"y": model.predict(np.array(request.json["rows"])).tolist()}


model.predict(np.zeros((1, 4)))
