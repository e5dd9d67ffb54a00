import numpy as np
from flask import Flask, request
from tensorflow.keras.models import load_model

app = Flask(__name__)
model = load_model("chat.h5")


@app.route("/forget")
def forget():
    model.reset_states()
    return "ok"


@app.route("/reply", methods=["POST"])
def reply():
    ids = np.array([request.json["ids"]])
    return {"reply": model.predict(ids).tolist()}
