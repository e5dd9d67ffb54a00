import numpy as np
from flask import Flask, request
from keras.models import load_model

app = Flask(__name__)
model = load_model("tides.keras")
for layer in model.layers:
    if getattr(layer, "stateful", False):
        layer.reset_state()


@app.post("/series")
def series():
    return model.predict(np.array(request.json["series"])[None]).tolist()
