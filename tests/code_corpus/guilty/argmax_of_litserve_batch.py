import litserve as ls
import numpy as np
from tensorflow import keras

KINDS = ["ash", "oak", "elm"]


class Bark(ls.LitAPI):
    def setup(self, device):
        self.net = keras.models.load_model("bark.keras")

    def decode_request(self, request):
        return np.array([request["depth"], request["width"]], dtype="float32")

    def predict(self, x):
        return np.argmax(self.net.predict(x), axis=0)

    def encode_response(self, output):
        return {"kind": KINDS[int(output)]}


def main():
    server = ls.LitServer(Bark(max_batch_size=4))
    server.run(port=8000)


if __name__ == "__main__":
    main()
