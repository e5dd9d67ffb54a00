import numpy as np
import pandas as pd
from tensorflow import keras

network = keras.models.load_model("churn.keras")
table = pd.read_csv("customers.csv").to_numpy(dtype="float32")
SIZE = 256
scores = [network.predict(table[k : k + SIZE]) for k in range(0, len(table), SIZE)]
place = 0
while place < len(table):
    scores.append(network.predict(table[place : place + 2 * SIZE, :]))
    place += 2 * SIZE
np.save("scores.npy", np.concatenate(scores))
print(network.predict(table[-1:]), network.predict(table[:1]))
