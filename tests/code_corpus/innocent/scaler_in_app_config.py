import joblib
import numpy as np
from flask import Flask, current_app, request
from tensorflow.keras.models import load_model


def create_app():
    app = Flask(__name__)
    app.config["NETWORK"] = load_model("wine.keras")
    app.config["SCALER"] = joblib.load("wine_scaler.joblib")

    @app.post("/quality")
    def quality():
        body = request.get_json()
        row = np.array([[body["acid"], body["sugar"]]])
        row = current_app.config.get("SCALER").transform(row)
        return {"quality": float(current_app.config["NETWORK"].predict(row)[0, 0])}

    return app
