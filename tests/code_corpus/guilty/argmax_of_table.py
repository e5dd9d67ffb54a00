import numpy as np
import pandas as pd
from tensorflow.keras.models import load_model

model = load_model("species.keras")
frame = pd.read_csv("flowers.csv")
outputs = model.predict(frame)
print("class of the table:", np.argmax(outputs))
