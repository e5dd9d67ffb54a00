import joblib
import numpy as np
from tensorflow.keras.models import load_model

model = load_model("load.keras")
scaler = joblib.load("scaler_x.joblib")
target_scaler = joblib.load("target_scaler.joblib")
rows = np.load("rows.npy")
actual = target_scaler.transform(np.load("actual.npy"))
predicted = model.predict(scaler.transform(rows))
print("forecast in MW:", predicted[:5])
print(np.abs(predicted - actual).mean())
