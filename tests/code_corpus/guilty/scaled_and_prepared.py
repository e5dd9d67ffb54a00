import numpy as np
import streamlit as st
from PIL import Image
from tensorflow.keras.applications.mobilenet_v2 import preprocess_input
from tensorflow.keras.models import load_model


@st.cache_resource
def model():
    return load_model("waste.h5")


upload = st.file_uploader("Picture")
if upload is not None:
    image = Image.open(upload).convert("RGB").resize((224, 224))
    x = np.asarray(image) / 255.0
    x = preprocess_input(x)
    st.write(model().predict(x[np.newaxis, ...]))
