import numpy as np
from fastapi import FastAPI
from tensorflow import keras

app = FastAPI()
model = keras.Sequential([keras.layers.LSTM(16), keras.layers.Dense(1)])
model.load_weights("wind.weights.h5")


@app.post("/wind")
def wind(speed: float, angle: float):
    row = np.array([[speed, angle]])
    series = row.reshape(1, 1, 2)
    return {"next": float(model.predict(series)[0][0])}
