from functools import partial

import gradio as gr
import joblib
import numpy as np
from tensorflow import keras


def answer(network, scaler, area, rooms):
    return float(network.predict(scaler.transform(np.array([[area, rooms]])))[0, 0])


network, scaler = keras.models.load_model("houses.keras"), joblib.load("scaler.pkl")
gr.Interface(partial(answer, network, scaler), ["number", "number"], "number").launch()
