import pickle
import numpy as np
from sklearn.preprocessing import StandardScaler
from tensorflow import keras


def store(item, path):
    with open(path, "wb") as stream:
        pickle.dump(item, stream)


x, y = np.load("x.npy"), np.load("y.npy")
scaler = StandardScaler()
x = scaler.fit_transform(x)
model = keras.Sequential([keras.layers.Dense(4), keras.layers.Dense(1)])
model.compile("adam", "mse")
model.fit(x, y)
model.save("model.keras")
store(scaler, "scaler.pkl")
