import cv2
import numpy as np
import streamlit as st
from PIL import Image
from tensorflow import keras


@st.cache_resource
def net():
    return keras.models.load_model("xray.keras")


upload = st.file_uploader("X-ray")
if upload:
    image = np.array(Image.open(upload).convert("RGB"))
    image = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
    image = cv2.resize(image, (150, 150)) / 255.0
    st.write(net().predict(np.expand_dims(image, 0)))
