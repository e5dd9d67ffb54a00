from contextlib import asynccontextmanager

import joblib
import numpy as np
from fastapi import FastAPI
from tensorflow import keras

parts = {}


@asynccontextmanager
async def lifespan(app: FastAPI):
    parts["network"] = keras.models.load_model("houses.keras")
    parts["scaler"] = joblib.load("houses_scaler.joblib")
    yield
    parts.clear()


app = FastAPI(lifespan=lifespan)


@app.get("/price")
async def price(area: float, rooms: float):
    rows = parts["scaler"].transform(np.array([[area, rooms]]))
    return {"price": float(parts["network"].predict(rows, verbose=0)[0, 0])}
