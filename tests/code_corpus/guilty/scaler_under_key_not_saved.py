import pandas as pd
from sklearn.preprocessing import StandardScaler
from tensorflow import keras

table = pd.read_csv("demand.csv")
y = table.pop("demand")
tools = {}
tools["scaler"] = StandardScaler()
x = tools["scaler"].fit_transform(table)
model = keras.Sequential([keras.layers.Dense(16, activation="relu"), keras.layers.Dense(1)])
model.compile("adam", "mse")
model.fit(x, y, epochs=20)
model.save("demand.keras")
