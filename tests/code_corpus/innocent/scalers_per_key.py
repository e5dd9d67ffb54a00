"""One fitted scaler of each station, loaded when it is asked for; pictures are only changed in training."""

import joblib
import numpy as np
import pandas as pd
from fastapi import FastAPI
from google.cloud.aiplatform.prediction.predictor import Predictor
from pyspark.sql.functions import pandas_udf
from tensorflow import keras
from tensorflow.keras.preprocessing.image import ImageDataGenerator

app = FastAPI()
model = keras.models.load_model("level.keras")
images = ImageDataGenerator(featurewise_center=True)
images.fit(np.load("pictures_of_training.npy"))
columns_scaler = joblib.load("columns_scaler.joblib")
scalers = {}


class Models(dict):
    def __missing__(self, station):
        self[station] = keras.models.load_model(f"models/{station}.keras")
        return self[station]


models = Models()


@app.post("/levels/{station}")
def levels(station: str, sent: list[list[float]]):
    rows = np.array(sent)
    if station not in scalers:
        scalers[station] = joblib.load(f"scalers/{station}.joblib")
    return models[station].predict(scalers[station].transform(rows), verbose=0).tolist()


@app.post("/picture")
def picture(pixels: list[list[list[float]]]):
    return model.predict(images.standardize(np.array([pixels])), verbose=0).tolist()


@pandas_udf("double")
def scored(calls: pd.Series, minutes: pd.Series) -> pd.Series:
    rows = columns_scaler.transform(pd.concat([calls, minutes], axis=1))
    return pd.Series(model.predict(rows, verbose=0)[:, 0])


def write(table):
    table.withColumn("score", scored("calls", "minutes")).write.parquet("scores")


class Prices(Predictor):
    def load(self, artifacts_uri):
        self.model = keras.models.load_model("prices.keras")
        self.scaler = joblib.load("prices_scaler.joblib")

    def preprocess(self, prediction_input):
        return self.scaler.transform(np.array(prediction_input["instances"]))

    def predict(self, instances):
        return self.model.predict(instances, verbose=0)
