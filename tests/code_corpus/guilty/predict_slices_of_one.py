import numpy as np
import pandas as pd
from tensorflow import keras

network = keras.models.load_model("churn.keras")
table = pd.read_csv("customers.csv").to_numpy(dtype="float32")
scores = np.concatenate([network.predict(table[k : k + 1, :]) for k in range(len(table))])
place = 0
while place < len(table):
    scores[place] = network.predict(table[place : place + 1])[0]
    place += 1
np.save("scores.npy", scores)
