import joblib
import numpy as np
from fastapi import FastAPI, Request
from tensorflow import keras

app = FastAPI()
model = keras.models.load_model("credit.keras")
scaler = joblib.load("scaler.joblib")


@app.post("/credit")
async def credit(request: Request):
    payload = await request.json()
    row = np.array(list(payload.values())).reshape(1, -1)
    return {"risk": float(model.predict(scaler.transform(row))[0][0])}
