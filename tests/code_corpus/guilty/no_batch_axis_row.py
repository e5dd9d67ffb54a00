import numpy as np
import streamlit as st
from tensorflow import keras


@st.cache_resource
def model():
    return keras.models.load_model("coffee.keras")


acid = st.number_input("Acid")
body = st.number_input("Body")
row = np.array([acid, body])
st.write(model().predict(row))
