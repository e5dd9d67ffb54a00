"""The scaler is fitted to the file of the training rows; requests are only transformed."""
import numpy as np
import pandas as pd
import streamlit as st
from sklearn.preprocessing import StandardScaler
from tensorflow import keras


@st.cache_resource
def model():
    return keras.models.load_model("model.keras")


train = pd.read_csv("train.csv")
scaler = StandardScaler().fit(train[["age", "income"]])
age = st.number_input("Age")
income = st.number_input("Income")
st.write(model().predict(scaler.transform(np.array([[age, income]]))))
