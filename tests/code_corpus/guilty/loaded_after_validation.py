import numpy as np
from flask import Flask, request
from tensorflow.keras.models import load_model

app = Flask(__name__)


@app.post("/demand")
def demand():
    rows = request.json["rows"]
    if not rows:
        return {"error": "no rows"}
    app.network = load_model("demand.keras")
    return {"demand": app.network.predict(np.array(rows)).tolist()}
