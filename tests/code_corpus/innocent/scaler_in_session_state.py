import joblib
import streamlit as st
from tensorflow import keras

if "scaler" not in st.session_state:
    st.session_state["scaler"] = joblib.load("scaler.joblib")
    st.session_state["network"] = keras.models.load_model("loans.keras")

income = st.number_input("Income")
rows = st.session_state["scaler"].transform([[income, st.number_input("Debt")]])
st.write(st.session_state["network"].predict(rows))
