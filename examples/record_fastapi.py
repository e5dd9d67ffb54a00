"""A FastAPI service that records what it feeds to its model.

It needs model.keras and scaler.joblib in the working directory.

    uvicorn record_fastapi:app
    kcheck run model.keras --scaler scaler.joblib --served served.npz
"""

import joblib
import keras
import numpy as np
from fastapi import FastAPI
from pydantic import BaseModel

from keras_consistency_cli import record

app = FastAPI()
model = record(keras.models.load_model("model.keras"), "served.npz", rows=1000)
scaler = joblib.load("scaler.joblib")


class Question(BaseModel):
    """The raw rows of one request."""

    rows: list[list[float]]


@app.post("/predict")
def predict(question: Question) -> dict[str, list[list[float]]]:
    """Return the outputs of the model for these rows."""
    raw = np.array(question.rows)
    record.raw(raw)
    outputs = model(scaler.transform(raw).astype("float32"), training=False)
    return {"predictions": np.asarray(outputs).tolist()}
