"""A chart page: the scaler is fitted again on the last days."""
import numpy as np
import pandas as pd
import streamlit as st
import yfinance as yf
from keras.models import load_model
from sklearn.preprocessing import MinMaxScaler

st.title("Trend")
ticker = st.text_input("Ticker", "ABC")
df = yf.download(ticker, "2015-01-01", "2024-01-01")
data_training = pd.DataFrame(df["Close"][0 : int(len(df) * 0.7)])
data_testing = pd.DataFrame(df["Close"][int(len(df) * 0.7) :])
scaler = MinMaxScaler(feature_range=(0, 1))
model = load_model("trend.h5")
past = data_training.tail(100)
final = pd.concat([past, data_testing], ignore_index=True)
inputs = scaler.fit_transform(final)
x_test = []
for i in range(100, inputs.shape[0]):
    x_test.append(inputs[i - 100 : i])
x_test = np.array(x_test)
predicted = model.predict(x_test)
factor = 1 / scaler.scale_[0]
predicted = predicted * factor
st.line_chart(predicted)
