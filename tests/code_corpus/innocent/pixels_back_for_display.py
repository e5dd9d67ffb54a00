import numpy as np
import streamlit as st
from PIL import Image
from tensorflow import keras


@st.cache_resource
def model():
    return keras.models.load_model("style.keras")


upload = st.file_uploader("Photo")
if upload:
    x = np.array(Image.open(upload).convert("RGB").resize((256, 256))) / 255.0
    y = model().predict(x[None])[0]
    st.image((y * 255).astype("uint8"))
    st.image(np.abs(y * 255 - x * 255) / 255.0)
