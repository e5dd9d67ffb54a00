import streamlit as st
from tensorflow import keras

st.session_state["network"] = keras.models.load_model("loans.keras")
rows = [[st.number_input("Income"), st.number_input("Debt")]]
st.write(st.session_state["network"].predict(rows))
