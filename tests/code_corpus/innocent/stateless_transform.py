import numpy as np
from fastapi import FastAPI
from sklearn.preprocessing import Normalizer, PolynomialFeatures
from tensorflow import keras

app = FastAPI()
model = keras.models.load_model("model.keras")


@app.post("/predict")
def predict(rows: list[list[float]]):
    x = PolynomialFeatures(2).fit_transform(np.array(rows))
    x = Normalizer().fit_transform(x)
    return model.predict(x).tolist()
