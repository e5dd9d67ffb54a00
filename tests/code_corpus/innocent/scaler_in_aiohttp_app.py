import joblib
import numpy as np
from aiohttp import web
from tensorflow.keras.models import load_model


async def predict(request):
    body = await request.json()
    row = request.app["scaler"].transform(np.array([[body["x"], body["y"]]]))
    return web.json_response({"z": float(request.app["network"].predict(row)[0, 0])})


def make():
    app = web.Application()
    app["network"] = load_model("plane.keras")
    app["scaler"] = joblib.load("plane_scaler.joblib")
    app.router.add_post("/z", predict)
    return app


web.run_app(make())
