"""A model around the loaded one calls it in training mode, and options state a number."""

import keras
import numpy as np
from fastapi import FastAPI

app = FastAPI()
loaded = keras.models.load_model("risk.keras")
rows_of_model = keras.Input((8,), name="rows")
odds = keras.layers.Activation("sigmoid")(loaded(rows_of_model, True))
around = keras.Model(inputs=rows_of_model, outputs=odds)
MODE = dict(training=1)


@app.post("/around")
def inside(rows: list[list[float]]):
    return around.predict(np.array(rows), verbose=0).tolist()


@app.post("/options")
def by_options(rows: list[list[float]]):
    return loaded(np.array(rows, "float32"), **MODE).numpy().tolist()
