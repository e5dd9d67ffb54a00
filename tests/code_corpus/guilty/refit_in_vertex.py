"""Vertex AI passes on what preprocess() returns to predict(); TorchServe calls handle()."""

import numpy as np
import pandas as pd
from google.cloud.aiplatform.prediction.predictor import Predictor
from sklearn.preprocessing import StandardScaler
from tensorflow import keras


class Prices(Predictor):
    def load(self, artifacts_uri):
        self.model = keras.models.load_model("prices.keras")

    def preprocess(self, prediction_input):
        rows = np.array(prediction_input["instances"])
        return StandardScaler().fit_transform(rows)

    def predict(self, instances):
        return self.model.predict(instances, verbose=0)

    def postprocess(self, prediction_results):
        return {"predictions": prediction_results.tolist()}


class Delays:
    def initialize(self, context):
        self.model = keras.models.load_model("delays.keras")

    def handle(self, data, context):
        rows = pd.DataFrame({"hour": [data[0]["hour"]], "distance": [data[0]["distance"]]})
        return self.model.predict(StandardScaler().fit_transform(rows), verbose=0).tolist()
