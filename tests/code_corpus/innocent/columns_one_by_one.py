"""Columns that leave a table by their names: the order in which the client sent them does not matter."""

import numpy as np
import pandas as pd
from flask import Flask, request
from tensorflow import keras

COLUMNS = ["depth", "salinity"]
app = Flask(__name__)
model = keras.models.load_model("plankton.keras")


def sent() -> pd.DataFrame:
    return pd.DataFrame(request.get_json()["samples"])


@app.post("/stacked")
def stacked():
    frame = sent()
    warm = frame[frame["depth"] < 50].dropna()
    return model.predict(np.column_stack([warm["depth"].to_numpy(), warm.salinity])).tolist()


@app.post("/inputs")
def inputs():
    frame = sent()
    return model.predict({name: frame[name].to_numpy("float32") for name in COLUMNS}).tolist()


@app.post("/located")
def located():
    frame = sent().set_index("station")
    frame["log"] = np.log(frame.pop("light"))
    return model.predict(frame.loc[:, ["log", "depth"]].to_numpy()).tolist()


@app.post("/rows")
def rows():
    frame = sent()
    first = frame.iloc[0]
    parts = [[row["depth"], row["salinity"]] for _, row in frame.iterrows()]
    parts += [[each.depth, each.salinity] for each in frame.itertuples()]
    return model.predict(np.array([*parts, [first["depth"], first.salinity]])).tolist()


@app.post("/ratio")
def ratio():
    frame = sent()
    ratios = frame.apply(lambda row: row["depth"] / row["salinity"], axis=1)
    means = frame.groupby("station")["depth"].mean()
    return model.predict([ratios.to_numpy()[:, None], means.to_numpy()[:, None]]).tolist()
