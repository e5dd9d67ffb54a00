"""Columns, codes and limits that pandas finds in the rows of the request."""

import numpy as np
import pandas as pd
from flask import Flask, request
from tensorflow import keras

app = Flask(__name__)
model = keras.models.load_model("rents.keras")


@app.post("/dummies")
def dummies():
    table = pd.DataFrame(request.json["flats"], columns=["city", "area"])
    return model.predict(pd.get_dummies(table, columns=["city"]).astype("float32"), verbose=0).tolist()


@app.post("/codes")
def codes():
    table = pd.DataFrame(request.json["flats"], columns=["city", "area"])
    table["city"] = table["city"].astype("category").cat.codes
    return model.predict(table.to_numpy(), verbose=0).tolist()


@app.post("/bins")
def bins():
    areas = pd.Series(request.json["areas"])
    numbers, _ = pd.factorize(pd.Series(request.json["cities"]))
    rows = np.column_stack([pd.cut(areas, 5, labels=False), numbers])
    return model.predict(rows, verbose=0).tolist()
