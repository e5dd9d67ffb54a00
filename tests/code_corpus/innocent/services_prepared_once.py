import json
from http.server import BaseHTTPRequestHandler

import cherrypy
import numpy as np
from django.views.generic import FormView
from litestar import get, post
from tensorflow import keras

NAMES = ["age", "weight"]
NET = keras.models.load_model("dose.keras")


@post("/dose")
async def dose(data: dict[str, float]) -> float:
    return float(NET.predict(np.array([[data[name] for name in NAMES]]))[0, 0])


@get("/health")
async def health() -> str:
    return "ok"


class Service:
    def __init__(self):
        self.net = keras.models.load_model("service.keras")

    @cherrypy.expose
    def index(self, age, weight):
        return str(self.net.predict(np.array([[float(age), float(weight)]])))


class DoseView(FormView):
    net = keras.models.load_model("view.keras")

    def form_valid(self, form):
        return self.net.predict(np.array([[form.cleaned_data[name] for name in NAMES]]))


class Levels:
    def __init__(self, path):
        self.net = keras.models.load_model(path)

    def on_get(self, req, resp):
        resp.media = {"level": self.net.predict(np.array([[req.get_param_as_float("x")]])).tolist()}


class Answers(BaseHTTPRequestHandler):
    def do_POST(self):
        fields = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        row = np.array([[fields[name] for name in NAMES]], dtype="float32")
        self.wfile.write(str(NET.predict(row)).encode())
