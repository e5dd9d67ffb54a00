import pickle
import numpy as np
import streamlit as st
from tensorflow import keras


@st.cache_resource
def artifacts():
    with open("preprocessor.pkl", "rb") as stream:
        preprocessor = pickle.load(stream)
    return keras.models.load_model("bank.keras")


age = st.number_input("Age")
balance = st.number_input("Balance")
st.write(artifacts().predict(np.array([[age, balance]])))
