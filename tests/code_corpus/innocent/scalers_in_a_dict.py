import joblib, numpy as np
from keras.models import load_model
model = load_model("price.keras")
scalers = joblib.load("scalers.pkl")

def forecast(x):
    sx, sy = scalers["x"], scalers["y"]
    return sy.inverse_transform(model.predict(sx.transform(x)))

if __name__ == "__main__":
    print(forecast(np.load("x.npy")))
