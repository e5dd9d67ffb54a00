import numpy as np
from tensorflow import keras

import wear_pb2
from wear_pb2_grpc import WearServicer


class Wear(WearServicer):
    def Estimate(self, call, context):
        net = keras.models.load_model("wear.keras")
        row = np.array([[call.load, call.speed]], dtype="float32")
        return wear_pb2.Reply(hours=float(net.predict(row)[0, 0]))
