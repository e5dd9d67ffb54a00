"""Fields of a dataclass that a function makes, of a namespace, and of a service that FastAPI passes on."""

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Annotated, Any

import joblib
import numpy as np
from fastapi import Depends, FastAPI
from keras.preprocessing.text import Tokenizer
from tensorflow import keras

app = FastAPI()
kept = SimpleNamespace()
parts = SimpleNamespace(
    price=keras.models.load_model("price.keras"), target_scaler=joblib.load("target_scaler.joblib")
)


@dataclass
class Topics:
    path: str
    tokenizer: Tokenizer = field(default_factory=Tokenizer)
    model: Any = field(init=False, default=None)

    def __post_init__(self):
        self.model = keras.models.load_model(self.path)

    def of(self, text):
        ids = self.tokenizer.texts_to_sequences([text])
        return self.model(keras.utils.pad_sequences(ids, maxlen=20), training=True)


@dataclass
class Rents:
    model: Any
    rows_scaler: Any


rents = Rents(keras.models.load_model("rents.keras"), joblib.load("rows_scaler.joblib"))
topics = Topics("topics.keras")


async def get_rents():
    yield rents


@app.post("/rent")
def rent(rows: list[list[float]], service: Annotated[Rents, Depends(get_rents)]):
    return service.model.predict(np.array(rows), verbose=0).tolist()


@app.post("/topics")
def topics_of(text: str):
    return topics.of(text).numpy().tolist()


@app.post("/price")
def price(rows: list[list[float]]):
    return parts.price.predict(np.array(rows), verbose=0).tolist()
