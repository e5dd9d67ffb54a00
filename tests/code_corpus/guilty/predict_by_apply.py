import numpy as np
import pandas as pd
from tensorflow import keras

model = keras.models.load_model("rating.keras")
reviews = pd.read_parquet("reviews.parquet")


def rate(row):
    return float(model.predict(np.array(row).reshape(1, -1))[0])


reviews["rating"] = reviews.apply(rate, axis=1)
