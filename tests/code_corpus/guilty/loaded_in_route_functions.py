import bottle
import numpy as np
from bottle import post as answer
from litestar import Litestar, post
from tensorflow import keras


@post("/dose")
async def dose(data: dict[str, float]) -> dict[str, float]:
    net = keras.models.load_model("dose.keras")
    return {"dose": float(net.predict(np.array([[data["age"], data["weight"]]]))[0, 0])}


@answer("/load")
def load():
    net = keras.models.load_model("load.keras")
    return {"load": net.predict(np.array([bottle.request.json["row"]])).tolist()}


app = Litestar([dose])
