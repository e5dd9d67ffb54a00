"""Seeds that are the same for each request, permutations that importance is measured with, and samples."""

import keras
import numpy as np
from fastapi import FastAPI

app = FastAPI()
loaded = keras.models.load_model("risk.keras")
inputs = keras.Input((8,))
sampler = keras.Model(inputs, loaded(inputs, training=True))
quiet = keras.Model(inputs, loaded(inputs, training=False))
source = np.random.default_rng(7)
OPTIONS = dict(training=0)


@app.post("/seeded")
def seeded(rows: list[list[float]]):
    noise = np.random.default_rng(0).normal(size=(len(rows), 8))
    return quiet.predict(np.array(rows) + noise, verbose=0).tolist()


@app.post("/importance")
def importance(rows: list[list[float]]):
    x = np.array(rows)
    before = loaded(x, **OPTIONS).numpy()
    changes = []
    for column in range(x.shape[1]):
        mixed = x.copy()
        mixed[:, column] = source.permutation(mixed[:, column])
        changes.append(np.abs(loaded(mixed, training=False).numpy() - before).mean())
    return changes


@app.post("/interval")
def interval(rows: list[list[float]]):
    x = np.array(rows)
    draws = np.stack([sampler.predict(x, verbose=0) for _ in range(50)])
    return {"mean": draws.mean(axis=0).tolist(), "deviation": draws.std(axis=0).tolist()}


@app.post("/next")
def following(rows: list[list[float]]):
    odds = loaded.predict(np.array(rows), verbose=0)[0]
    return int(source.choice(len(odds), p=odds))
