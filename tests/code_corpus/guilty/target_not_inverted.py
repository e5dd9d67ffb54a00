import joblib
import numpy as np
from fastapi import FastAPI
from tensorflow.keras.models import load_model

app = FastAPI()
model = load_model("price.keras")
x_scaler = joblib.load("x_scaler.joblib")
y_scaler = joblib.load("y_scaler.joblib")


@app.post("/price")
def price(area: float, rooms: int):
    rows = x_scaler.transform(np.array([[area, rooms]]))
    return {"price": float(model.predict(rows)[0][0])}
