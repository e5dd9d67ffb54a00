import numpy as np
from tensorflow.keras.models import load_model

models = [load_model(f"m{number}.keras") for number in range(3)]
rows = np.load("rows.npy")
outputs = np.array([model.predict(rows) for model in models])
total = np.sum(outputs, axis=0)
print(np.argmax(total, axis=1))
print(np.argmax(outputs.mean(axis=0), axis=-1))
