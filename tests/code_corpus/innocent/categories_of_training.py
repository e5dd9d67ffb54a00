"""Categories, columns and limits that the code names."""

import json

import numpy as np
import pandas as pd
from flask import Flask, request
from tensorflow import keras

app = Flask(__name__)
model = keras.models.load_model("rents.keras")
CITIES = ["Bonn", "Ulm"]
COLUMNS = ["area", "city_Bonn", "city_Ulm"]
LIMITS = [0, 30, 60, 90]
with open("columns.json") as file:
    columns = json.load(file)


@app.post("/dummies")
def dummies():
    table = pd.get_dummies(pd.DataFrame(request.json["flats"], columns=["city", "area"]))
    return model.predict(table.reindex(columns=columns, fill_value=0), verbose=0).tolist()


@app.post("/missing")
def missing():
    table = pd.get_dummies(pd.DataFrame(request.json["flats"], columns=["city", "area"]))
    for name in COLUMNS:
        if name not in table:
            table[name] = 0
    return model.predict(table[COLUMNS], verbose=0).tolist()


@app.post("/stated")
def stated():
    table = pd.DataFrame(request.json["flats"], columns=["city", "area"])
    table["city"] = pd.Categorical(table["city"], categories=CITIES)
    return model.predict(pd.get_dummies(table).to_numpy("float32"), verbose=0).tolist()


@app.post("/codes")
def codes():
    table = pd.DataFrame(request.json["flats"], columns=["city", "area"])
    table["city"] = table["city"].astype(pd.CategoricalDtype(CITIES)).cat.codes
    table["area"] = pd.cut(table["area"], LIMITS, labels=False)
    return model.predict(table.to_numpy(), verbose=0).tolist()


@app.post("/shown")
def shown():
    table = pd.DataFrame(request.json["flats"], columns=["area", "rooms"])
    outputs = model.predict(table.to_numpy(), verbose=0)[:, 0]
    return {"parts": pd.qcut(table["area"], 4, labels=False).tolist(), "rents": np.round(outputs).tolist()}
