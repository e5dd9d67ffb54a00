import numpy as np
import streamlit as st
from tensorflow.keras.models import load_model

model = load_model("tips.keras")
bill = st.number_input("Bill")
size = st.number_input("People")
if st.button("Tip"):
    st.write(model.predict(np.array([[bill, size]])))
