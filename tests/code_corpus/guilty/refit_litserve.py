import litserve as ls
import numpy as np
from sklearn.preprocessing import RobustScaler
from tensorflow import keras


class Api(ls.LitAPI):
    def setup(self, device):
        self.model = keras.models.load_model("flow.keras")

    def decode_request(self, request):
        return np.array(request["rows"])

    def predict(self, rows):
        return self.model.predict(RobustScaler().fit_transform(rows))

    def encode_response(self, outputs):
        return {"outputs": outputs.tolist()}
