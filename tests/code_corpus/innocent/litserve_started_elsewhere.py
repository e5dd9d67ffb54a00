import litserve
import numpy as np
from tensorflow import keras
from tensorflow.keras.utils import img_to_array, load_img


class Moth(litserve.LitAPI):
    """Another file passes it to LitServer, perhaps with max_batch_size."""

    def setup(self, device):
        self.net = keras.models.load_model("moth.keras")

    def decode_request(self, request):
        return img_to_array(load_img(request["path"], target_size=(64, 64)))

    def predict(self, x):
        return self.net.predict(x)

    def encode_response(self, output):
        return {"score": output.tolist()}
