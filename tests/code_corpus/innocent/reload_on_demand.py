import os
import threading

import numpy as np
from flask import Flask, abort, request
from tensorflow.keras.models import load_model

app = Flask(__name__)
network = load_model("demand.keras")
changed = os.path.getmtime("demand.keras")
swap = threading.Lock()


@app.post("/admin/reload")
def reload_network():
    global network
    if request.headers.get("X-Token") != os.environ["TOKEN"]:
        abort(403)
    fresh = load_model("demand.keras")
    with swap:
        network = fresh
    return {"reloaded": True}


@app.post("/demand")
def demand():
    global network, changed
    now = os.path.getmtime("demand.keras")
    if now != changed:
        network, changed = load_model("demand.keras"), now
    return {"demand": network.predict(np.array(request.json["rows"])).tolist()}
