import numpy as np
from tensorflow.keras.models import load_model

model = load_model("model.keras")
rows = np.load("rows.npy", mmap_mode="r")
outputs = []
for start in range(0, len(rows), 1024):
    outputs.append(model.predict(rows[start : start + 1024], verbose=0))
np.save("outputs.npy", np.concatenate(outputs))
