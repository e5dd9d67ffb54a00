import numpy as np
from sklearn.preprocessing import StandardScaler
from tensorflow import keras

x, y = np.load("x.npy"), np.load("y.npy")
scaler = StandardScaler()
x = scaler.fit_transform(x)
model = keras.Sequential([keras.layers.Dense(4), keras.layers.Dense(1)])
model.compile("adam", "mse")
model.fit(x, y)
model.save("model.keras")
np.savez("scaler.npz", mean=scaler.mean_, scale=scaler.scale_)
