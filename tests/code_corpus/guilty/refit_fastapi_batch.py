from fastapi import FastAPI
from keras.models import load_model
from pydantic import BaseModel
from sklearn.preprocessing import MinMaxScaler
import pandas as pd

app = FastAPI()
net = load_model("models/churn.keras")
scaler = MinMaxScaler()


class Batch(BaseModel):
    rows: list[dict]


@app.post("/score")
async def score(batch: Batch):
    frame = pd.DataFrame(batch.rows, columns=["tenure", "charges", "calls"])
    scaled = scaler.fit_transform(frame)
    return {"scores": net.predict(scaled).ravel().tolist()}
