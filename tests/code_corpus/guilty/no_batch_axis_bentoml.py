import bentoml
import numpy as np
from tensorflow import keras


@bentoml.service
class Rent:
    def __init__(self):
        self.net = keras.models.load_model("rent.keras")

    @bentoml.api
    def price(self, area: float, rooms: int) -> float:
        return float(self.net.predict(np.array([area, rooms]))[0, 0])
