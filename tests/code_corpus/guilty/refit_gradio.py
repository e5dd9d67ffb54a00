import gradio as gr
import numpy as np
from sklearn.preprocessing import StandardScaler
from tensorflow import keras

model = keras.models.load_model("bike.keras")


def predict(temperature, humidity, wind):
    row = np.array([[temperature, humidity, wind]])
    row = StandardScaler().fit_transform(row)
    return float(model.predict(row)[0, 0])


gr.Interface(fn=predict, inputs=["number", "number", "number"], outputs="number").launch()
