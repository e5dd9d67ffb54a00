import pandas as pd
import streamlit as st
from sklearn.preprocessing import LabelEncoder
from tensorflow.keras.models import load_model


@st.cache_resource
def get_model():
    return load_model("salary.keras")


country = st.selectbox("Country", ["DE", "FR"])
level = st.selectbox("Level", ["BSc", "MSc"])
years = st.slider("Years", 0, 40)
if st.button("Predict"):
    frame = pd.DataFrame([[country, level, years]], columns=["country", "level", "years"])
    encoder = LabelEncoder()
    frame["country"] = encoder.fit_transform(frame["country"])
    frame["level"] = encoder.fit_transform(frame["level"])
    st.write(get_model().predict(frame))
