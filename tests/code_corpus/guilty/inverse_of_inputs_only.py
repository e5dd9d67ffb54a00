import joblib
import numpy as np
from keras.models import load_model
from flask import Flask, request
app = Flask(__name__)
model = load_model("price.keras")
x_scaler = joblib.load("x_scaler.pkl")
y_scaler = joblib.load("y_scaler.pkl")

@app.post("/price")
def price():
    x = x_scaler.transform(np.array(request.json["x"]).reshape(1, -1))
    y = model.predict(x)
    return {"price": float(x_scaler.inverse_transform(y)[0, 0])}
