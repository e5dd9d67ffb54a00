import numpy as np
import pandas as pd
from tensorflow.keras.models import load_model

model = load_model("risk.keras")
frame = pd.read_csv("customers.csv")
scores = []
for _, row in frame.iterrows():
    x = np.array(row).reshape(1, -1)
    scores.append(model.predict(x)[0][0])
frame["score"] = scores
frame.to_csv("scored.csv")
