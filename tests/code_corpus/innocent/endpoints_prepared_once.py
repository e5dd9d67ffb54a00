import json

import joblib
import numpy as np
from sklearn.preprocessing import StandardScaler
from tensorflow import keras


class EndpointHandler:
    def __init__(self, path=""):
        self.net = keras.models.load_model(f"{path}/net.keras")
        self.scaler = joblib.load(f"{path}/scaler.joblib")

    def __call__(self, data):
        return self.net.predict(self.scaler.transform(data["inputs"])).tolist()


class Churn:
    def load(self):
        self.net = keras.models.load_model("churn.keras")

    def predict(self, X, features_names=None):
        return self.net.predict(X)


def model_fn(folder):
    return keras.models.load_model(f"{folder}/net.keras"), joblib.load(f"{folder}/scaler.joblib")


def input_fn(body, content_type):
    return np.array(json.loads(body)["rows"])


def predict_fn(rows, parts):
    net, scaler = parts
    return net.predict(scaler.transform(rows))


class Estimator:
    """An estimator of the program, which nothing serves."""

    def fit(self, X, y):
        self.scaler = StandardScaler()
        self.net = keras.Sequential([keras.layers.Dense(1)])
        self.net.compile(loss="mse")
        self.net.fit(self.scaler.fit_transform(X), y)

    def predict(self, X):
        return self.net.predict(self.scaler.transform(X))
