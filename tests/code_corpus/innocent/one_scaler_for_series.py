import joblib
import numpy as np
from flask import Flask, request
from keras.models import load_model

app = Flask(__name__)
model = load_model("model.keras")
scaler = joblib.load("price_scaler.pkl")


@app.post("/next")
def following():
    closing = np.array(request.json["closing"]).reshape(-1, 1)
    window = scaler.transform(closing)[-30:].reshape(1, 30, 1)
    return {"next": scaler.inverse_transform(model.predict(window)).tolist()}
