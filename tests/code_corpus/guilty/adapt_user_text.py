import streamlit as st
import tensorflow as tf
from tensorflow.keras.layers import TextVectorization


@st.cache_resource
def model():
    return tf.keras.models.load_model("toxic.keras")


message = st.text_area("Comment")
vectorizer = TextVectorization(max_tokens=20000, output_sequence_length=200)
if message:
    vectorizer.adapt([message])
    ids = vectorizer([message])
    st.write(model().predict(ids))
