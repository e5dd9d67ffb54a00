"""Scales what the browser sends, and passes it on to MLflow."""

import httpx
import numpy as np
from fastapi import FastAPI
from pydantic import BaseModel
from sklearn.preprocessing import StandardScaler

app = FastAPI()
MODEL_URL = "http://models:5000/invocations"
scaler = StandardScaler()


class Batch(BaseModel):
    rows: list[list[float]]


@app.post("/score")
async def score(batch: Batch):
    scaled = scaler.fit_transform(np.array(batch.rows))
    async with httpx.AsyncClient() as client:
        answer = await client.post(MODEL_URL, json={"inputs": scaled.tolist()})
    return answer.json()
