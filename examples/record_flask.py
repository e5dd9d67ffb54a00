"""A Flask service that records what it feeds to its model.

It needs model.keras and scaler.joblib in the working directory.

    flask --app record_flask run
    kcheck run model.keras --scaler scaler.joblib --served served.npz
"""

import joblib
import keras
import numpy as np
from flask import Flask, Response, jsonify, request

from keras_consistency_cli import record

app = Flask(__name__)
model = record(keras.models.load_model("model.keras"), "served.npz", rows=1000)
scaler = joblib.load("scaler.joblib")


@app.post("/predict")
def predict() -> Response:
    """Return the outputs of the model for the rows of the request."""
    raw = np.array(request.get_json()["rows"])
    record.raw(raw)
    outputs = model(scaler.transform(raw).astype("float32"), training=False)
    return jsonify(predictions=np.asarray(outputs).tolist())
