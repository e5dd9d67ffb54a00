"""The mean and the deviation of the request, by functions and methods instead of operators."""

import numpy as np
import pandas as pd
import tensorflow as tf
from fastapi import FastAPI
from sklearn.preprocessing import normalize

app = FastAPI()
model = tf.keras.models.load_model("risk.keras")


@app.post("/functions")
def by_functions(rows: list[list[float]]):
    x = np.array(rows)
    scaled = np.true_divide(np.subtract(x, x.mean(axis=0)), x.std(axis=0))
    return model.predict(scaled, verbose=0).tolist()


@app.post("/methods")
def by_methods(rows: list[dict]):
    table = pd.DataFrame(rows, columns=["age", "income"])
    return model.predict(table.sub(table.min()).div(table.max()), verbose=0).tolist()


@app.post("/moments")
def by_moments(rows: list[list[float]]):
    x = tf.constant(rows)
    mean, variance = tf.nn.moments(x, axes=0)
    return model(tf.math.divide(x - mean, tf.sqrt(variance)), training=False).numpy().tolist()


@app.post("/length")
def by_length(rows: list[list[float]]):
    return model.predict(normalize(np.array(rows), axis=0), verbose=0).tolist()


@app.post("/largest")
def by_largest(rows: list[list[float]]):
    x = np.array([[float(value) for value in row] for row in rows])
    return model.predict(x / np.abs(x).max(), verbose=0).tolist()


def by_annotation(table: pd.DataFrame):
    numbers = table[["age", "income"]]
    return model.predict((numbers - numbers.mean()) / numbers.std(), verbose=0)
