import numpy as np
import pandas as pd
from keras.models import load_model
from sklearn.preprocessing import MinMaxScaler

frame = pd.read_csv("prices.csv")
model = load_model("lstm.h5")
sc = MinMaxScaler()
closing = frame[["Close"]].values
scaled = sc.fit_transform(closing)
windows = []
for end in range(60, len(scaled)):
    windows.append(scaled[end - 60 : end, 0])
windows = np.array(windows)
windows = np.reshape(windows, (windows.shape[0], windows.shape[1], 1))
forecast = model.predict(windows)
print(sc.inverse_transform(forecast)[-1])
