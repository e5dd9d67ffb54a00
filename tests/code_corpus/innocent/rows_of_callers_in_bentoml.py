import bentoml
import numpy as np
from tensorflow import keras


@bentoml.service
class Rent:
    def __init__(self):
        self.net = keras.models.load_model("rent.keras")

    @bentoml.api(batchable=True, max_batch_size=64)
    def price(self, areas: list[float]) -> list[float]:
        return self.net.predict(np.array(areas))[:, 0].tolist()
