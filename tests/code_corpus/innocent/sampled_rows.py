import numpy as np
import pandas as pd
import streamlit as st
from tensorflow import keras


@st.cache_resource
def model():
    return keras.models.load_model("model.keras")


frame = pd.read_csv("demo.csv")
if st.button("Show an example"):
    row = frame.iloc[[np.random.randint(len(frame))]]
    st.write(row, model().predict(row.to_numpy()))
