import numpy as np
import pandas as pd
from shiny import App, render, ui
from sklearn.preprocessing import MinMaxScaler
from tensorflow.keras.models import load_model

model = load_model("index.keras")


def server(input, output, session):
    @output
    @render.table
    def forecast():
        frame = download(input.symbol())
        scaler = MinMaxScaler()
        scaled = scaler.fit_transform(frame[["Close"]])
        window = scaled[-50:].reshape(1, 50, 1)
        return pd.DataFrame(scaler.inverse_transform(model.predict(window)))


def download(symbol):
    return pd.read_csv(f"https://prices.example/{symbol}.csv")


app = App(ui.page_fluid(), server)
