import joblib
import numpy as np
from keras.models import load_model

model = load_model("series.keras")
scaler = joblib.load("scaler.joblib")


def forecast(values):
    window = scaler.transform(np.array(values).reshape(-1, 1))
    output = model.predict(window.reshape(1, 60, 1))
    return scaler.inverse_transform(output)[0, 0]


print(forecast([1.0] * 60))
