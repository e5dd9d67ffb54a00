import numpy as np
import streamlit as st
from sklearn.preprocessing import StandardScaler
from tensorflow import keras


@st.cache_resource
def load():
    return keras.models.load_model("iris.keras")


width = st.number_input("Width")
length = st.number_input("Length")
scaler = StandardScaler()
width = scaler.fit_transform([[width]])
length = scaler.fit_transform([[length]])
x = np.hstack([width, length])
st.write(load().predict(x))
