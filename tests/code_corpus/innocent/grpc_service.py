import numpy as np
from tensorflow import keras

import wear_pb2
import wear_pb2_grpc


class Wear(wear_pb2_grpc.WearServicer):
    def __init__(self):
        self.net = keras.models.load_model("wear.keras")
        self.other = None

    def Estimate(self, request, context):
        row = np.array([[request.load, request.speed]], dtype="float32")
        return wear_pb2.Reply(hours=float(self.net.predict(row)[0, 0]))

    def Compare(self, request, context):
        if self.other is None:
            self.other = keras.models.load_model("wear_old.keras")
        row = np.array([[request.load, request.speed]], dtype="float32")
        return wear_pb2.Reply(hours=float(self.other.predict(row)[0, 0]))
