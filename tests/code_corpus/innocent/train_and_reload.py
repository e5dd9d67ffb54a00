import pickle
import pandas as pd
from sklearn.preprocessing import MinMaxScaler
from tensorflow import keras

frame = pd.read_csv("train.csv")
scaler = MinMaxScaler()
values = scaler.fit_transform(frame.values)
model = keras.Sequential([keras.layers.Dense(4), keras.layers.Dense(1)])
model.compile("adam", "mse")
model.fit(values[:, :-1], values[:, -1])
model.save("model.keras")
with open("scaler.pkl", "wb") as stream:
    pickle.dump(scaler, stream)
again = keras.models.load_model("model.keras")
print(again.predict(values[:5, :-1]))
