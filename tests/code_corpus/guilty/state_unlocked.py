import numpy as np
from flask import Flask, request
from tensorflow.keras.models import load_model

app = Flask(__name__)
model = load_model("music.h5")


@app.post("/continue")
def go_on():
    notes = request.json["notes"]
    model.reset_states()
    outputs = model.predict(np.array([notes]))
    return {"notes": outputs.tolist()}
