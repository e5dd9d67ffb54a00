"""Numbers under keys, in the order of the code, sorted, summed up, or taken by name afterwards."""

import numpy as np
import pandas as pd
from fastapi import FastAPI, Request
from tensorflow import keras

app = FastAPI()
model = keras.models.load_model("risk.keras")
LARGEST = {"age": 120.0, "income": 1e6}
PLACES = {"age": 0, "income": 1}


@app.post("/keys")
async def keys(request: Request):
    sent = await request.json()
    total = sum(float(value) for _, value in sent.items())
    row = [float(sent[name]) / largest for name, largest in LARGEST.items()] + [total]
    return model.predict(np.array([row]), verbose=0).tolist()


@app.post("/sorted")
async def in_order(request: Request):
    sent = await request.json()
    row = [float(sent[name]) for name in sorted(sent)]
    return model.predict(np.array([row]), verbose=0).tolist()


@app.post("/placed")
async def placed(request: Request):
    row = np.zeros((1, 2))
    for name, value in (await request.json()).items():
        row[0, PLACES[name]] = float(value)
    return model.predict(row, verbose=0).tolist()


@app.post("/named")
async def named(request: Request):
    numbers = {name: float(value) for name, value in (await request.json()).items()}
    return model.predict(np.array([[numbers["age"], numbers["income"]]]), verbose=0).tolist()


@app.post("/nested")
async def nested(request: Request):
    table = pd.json_normalize(await request.json())[["age", "income"]]
    return model.predict(table.to_numpy(), verbose=0).tolist()


@app.post("/counts")
async def counts(request: Request):
    series = (await request.json())["series"]
    steps = [float(step) for step in series]
    return model.predict(np.array([steps]), verbose=0).tolist()
