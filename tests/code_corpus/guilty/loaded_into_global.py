import numpy as np
from flask import Flask, request
from tensorflow.keras.models import load_model

app = Flask(__name__)
network = None


@app.route("/demand", methods=["GET", "POST"])
def demand():
    global network
    if request.method == "POST":
        network = load_model("demand.keras")
        return {"demand": network.predict(np.array(request.json["rows"])).tolist()}
    return {"ready": True}
