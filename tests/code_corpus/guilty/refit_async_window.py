import numpy as np
from fastapi import FastAPI
from sklearn.preprocessing import MinMaxScaler
from tensorflow.keras.models import load_model

app = FastAPI()
model = None


@app.on_event("startup")
async def startup():
    global model
    model = load_model("forecast.keras")


@app.get("/next/{symbol}")
async def next_value(symbol: str):
    history = await fetch_history(symbol, days=60)
    scaler = MinMaxScaler()
    window = scaler.fit_transform(np.array(history).reshape(-1, 1))
    window = window.reshape(1, 60, 1)
    value = model.predict(window)
    return {"next": float(scaler.inverse_transform(value)[0][0])}


async def fetch_history(symbol, days):
    return [float(c) for c in symbol][:days]
