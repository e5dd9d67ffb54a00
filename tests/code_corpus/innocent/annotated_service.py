from contextlib import asynccontextmanager
from typing import Annotated

import joblib
import numpy as np
from fastapi import Depends, FastAPI, Request
from tensorflow import keras


class Service:
    def __init__(self, network, scaler):
        self.network = network
        self.scaler = scaler

    def answer(self, rows):
        return self.network.predict(self.scaler.transform(np.array(rows)), verbose=0).tolist()


@asynccontextmanager
async def lifespan(app: FastAPI):
    app.state.service = Service(keras.models.load_model("churn.keras"), joblib.load("scaler.pkl"))
    yield


app = FastAPI(lifespan=lifespan)


def get_service(request: Request):
    return request.app.state.service


ServiceOfApp = Annotated[Service, Depends(get_service)]


@app.post("/churn")
async def churn(rows: list[list[float]], service: ServiceOfApp):
    return service.answer(rows)
