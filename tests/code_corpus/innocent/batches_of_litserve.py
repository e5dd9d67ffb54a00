import io

import litserve
import numpy as np
from PIL import Image
from tensorflow import keras


class Leaf(litserve.LitAPI):
    def setup(self, device):
        self.net = keras.models.load_model("leaf.keras")

    def decode_request(self, request):
        picture = Image.open(io.BytesIO(request["file"])).convert("RGB")
        return np.asarray(picture.resize((96, 96)), dtype="float32")

    def predict(self, x):
        return self.net.predict(x)

    def encode_response(self, output):
        return {"kind": int(np.argmax(output))}


litserve.LitServer(Leaf(), accelerator="cpu", max_batch_size=16).run(port=8001)
