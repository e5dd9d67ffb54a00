import litserve
import numpy as np
from tensorflow import keras
from tensorflow.keras.utils import img_to_array, load_img


class Moth(litserve.LitAPI):
    def setup(self, device):
        self.net = keras.models.load_model("moth.keras")

    def decode_request(self, request):
        return img_to_array(load_img(request["path"], target_size=(64, 64)))

    def batch(self, inputs):
        return np.array(inputs) / 255.0

    def predict(self, x):
        return self.net.predict_on_batch(x)

    def unbatch(self, output):
        return [each for each in output]

    def encode_response(self, output):
        return {"kind": int(np.argmax(output))}


if __name__ == "__main__":
    litserve.LitServer(Moth(), max_batch_size=32).run()
