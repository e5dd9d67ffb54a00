import joblib
import numpy as np
from fastapi import FastAPI
from tensorflow import keras

app = FastAPI()
model = keras.models.load_model("model.keras")
x_scaler = joblib.load("x_scaler.pkl")
y_scaler = joblib.load("y_scaler.pkl")


def to_price(outputs, scaler):
    return scaler.inverse_transform(outputs)[0][0]


@app.post("/price")
def price(area: float, rooms: float):
    outputs = model.predict(x_scaler.transform(np.array([[area, rooms]])))
    return {"price": float(to_price(outputs, y_scaler))}
