"""A request is clustered: nothing was trained before."""
import pandas as pd
import streamlit as st
from sklearn.cluster import KMeans
from sklearn.preprocessing import StandardScaler

upload = st.file_uploader("Table")
if upload is not None:
    frame = pd.read_csv(upload)
    x = StandardScaler().fit_transform(frame)
    kmeans = KMeans(3)
    kmeans.fit(x)
    st.write(kmeans.predict(x))
