import joblib
import numpy as np
from tensorflow.keras.models import load_model

scaler = joblib.load("scaler.pkl")
model = load_model("model.keras")
window = scaler.transform(np.load("closing.npy")).reshape(1, 60, 1)
output = model.predict(window)
price = output * (1 / scaler.scale_[0]) + scaler.data_min_[0]
print(price)
