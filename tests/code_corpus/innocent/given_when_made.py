"""What serves requests gets the model and the scaler when it is made, and uses both."""

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import grpc
import joblib
import numpy as np
import prices_pb2
import prices_pb2_grpc
import tornado.web
from fastapi import Depends, FastAPI
from tensorflow import keras

api = FastAPI()
parts = SimpleNamespace(model=keras.models.load_model("a.keras"), scaler=joblib.load("a_scaler.joblib"))


def scaled(kept, rows):
    return kept.model.predict(getattr(kept, "scaler").transform(rows), verbose=0)


class Prices(prices_pb2_grpc.PricesServicer):
    def __init__(self, model, scaler):
        self.model, self.scaler = model, scaler

    def Price(self, request, context):
        rows = self.scaler.transform(np.array([list(request.values)]))
        return prices_pb2.Price(value=float(self.model(rows, training=False)[0, 0]))


class Delay(tornado.web.RequestHandler):
    def initialize(self, model, scaler):
        self.model, self.scaler = model, scaler

    def post(self):
        rows = np.array([[float(value) for value in self.get_arguments("value")]])
        self.write({"delay": float(self.model(self.scaler.transform(rows), training=False)[0, 0])})


@dataclass
class Rents:
    path: str
    model: Any = field(default=None)
    rows_scaler: Any = field(default_factory=lambda: joblib.load("rows_scaler.joblib"))

    def __post_init__(self):
        self.model = keras.models.load_model(self.path)


rents = Rents("rents.keras")


def get_rents():
    return rents


@api.post("/rent")
def rent(rows: list[list[float]], service: Rents = Depends(get_rents)):
    return service.model.predict(service.rows_scaler.transform(np.array(rows)), verbose=0).tolist()


@api.post("/parts")
def by_parts(rows: list[list[float]]):
    return scaled(parts, np.array(rows)).tolist()


def serve():
    model, scaler = keras.models.load_model("prices.keras"), joblib.load("prices_scaler.joblib")
    prices_pb2_grpc.add_PricesServicer_to_server(Prices(model, scaler), grpc.server())
    options = {"model": model, "scaler": scaler}
    tornado.web.Application([("/delay", Delay, options)]).listen(80)


if __name__ == "__main__":
    serve()
