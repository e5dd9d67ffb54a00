"""What serves requests gets the model when it is made, in a function that starts the server."""

import grpc
import numpy as np
import prices_pb2
import prices_pb2_grpc
import tornado.web
from tensorflow import keras


class Prices(prices_pb2_grpc.PricesServicer):
    def __init__(self, model, options=None):
        self.model = model
        self.options = options

    def Price(self, request, context):
        outputs = self.model(np.array([list(request.values)]), training=True)
        return prices_pb2.Price(value=float(outputs[0, 0]))


class Delay(tornado.web.RequestHandler):
    def initialize(self, model):
        self.model = model

    def post(self):
        rows = np.array([[float(value) for value in self.get_arguments("value")]])
        self.write({"delay": float(self.model(rows, training=True)[0, 0])})


def serve():
    server = grpc.server()
    service = Prices(keras.models.load_model("prices.keras"), options={})
    prices_pb2_grpc.add_PricesServicer_to_server(service, server)
    model = keras.models.load_model("delay.keras")
    tornado.web.Application([tornado.web.url("/delay", Delay), ("/late", Delay, dict(model=model))]).listen(80)


if __name__ == "__main__":
    serve()
