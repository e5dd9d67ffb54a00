import joblib
import pandas as pd
from fastapi import FastAPI, Request
from tensorflow import keras

app = FastAPI()
model = keras.models.load_model("model.keras")
scaler = joblib.load("scaler.joblib")


@app.post("/score")
async def score(request: Request):
    payload = await request.json()
    frame = pd.DataFrame([payload]).reindex(columns=["a", "b", "c"], fill_value=0)
    return model.predict(scaler.transform(frame)).tolist()
