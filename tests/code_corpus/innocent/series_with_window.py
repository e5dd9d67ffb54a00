import numpy as np
from collections import deque
from fastapi import FastAPI
from tensorflow import keras

app = FastAPI()
model = keras.Sequential([keras.layers.LSTM(16), keras.layers.Dense(1)])
model.load_weights("wind.weights.h5")
window = deque(maxlen=24)


@app.post("/wind")
def wind(speed: float):
    window.append([speed])
    series = np.array(window).reshape(1, -1, 1)
    return {"next": float(model.predict(series)[0][0])}
