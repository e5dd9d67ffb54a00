import numpy as np
import streamlit as st
from tensorflow import keras


@st.cache_resource
def model():
    return keras.models.load_model("denoise.keras")


upload = st.file_uploader("Image")
if upload:
    image = keras.utils.img_to_array(keras.utils.load_img(upload, target_size=(28, 28)))
    image = image / 255.0 + np.random.normal(0, 0.1, image.shape)
    st.image(model().predict(image[None]))
