"""Numbers under the keys of what was sent, in the order of the client."""

import numpy as np
import pandas as pd
from fastapi import FastAPI, Request
from tensorflow import keras

app = FastAPI()
model = keras.models.load_model("risk.keras")
LARGEST = {"age": 120.0, "income": 1e6}


@app.get("/query")
async def query(request: Request):
    row = [float(value) / LARGEST[name] for name, value in request.query_params.items()]
    return model.predict(np.array([row]), verbose=0).tolist()


@app.post("/keys")
async def keys(request: Request):
    sent = await request.json()
    row = list(float(sent[name]) for name in sent.keys() if name != "id")
    return model.predict(np.array([row]), verbose=0).tolist()


@app.post("/nested")
async def nested(request: Request):
    table = pd.json_normalize(await request.json())
    return model.predict(table.to_numpy(), verbose=0).tolist()
