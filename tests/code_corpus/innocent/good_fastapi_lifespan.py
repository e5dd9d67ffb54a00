from contextlib import asynccontextmanager
import joblib
import numpy as np
from fastapi import FastAPI, Request
from tensorflow import keras


@asynccontextmanager
async def lifespan(app):
    app.state.model = keras.models.load_model("model.keras")
    app.state.scaler = joblib.load("scaler.joblib")
    yield


app = FastAPI(lifespan=lifespan)


@app.post("/predict")
def predict(rows: list[list[float]], request: Request):
    x = request.app.state.scaler.transform(np.array(rows))
    return request.app.state.model.predict(x).tolist()
