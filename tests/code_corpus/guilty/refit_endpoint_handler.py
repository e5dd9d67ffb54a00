import numpy as np
from sklearn.preprocessing import StandardScaler
from tensorflow import keras


class EndpointHandler:
    def __init__(self, path=""):
        self.net = keras.models.load_model(f"{path}/net.keras")

    def __call__(self, data):
        rows = np.array(data["inputs"], dtype="float32")
        return self.net.predict(StandardScaler().fit_transform(rows)).tolist()
