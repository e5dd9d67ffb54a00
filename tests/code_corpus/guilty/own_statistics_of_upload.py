import pandas as pd
from flask import Flask, request
from sklearn.preprocessing import minmax_scale
from tensorflow.keras.models import load_model

app = Flask(__name__)
network = load_model("risk.keras")


@app.post("/risk")
def risk():
    table = pd.read_csv(request.files["table"])
    scaled = (table - table.mean()) / table.std()
    return {"risk": network.predict(scaled).tolist()}


@app.post("/range")
def by_range():
    table = pd.read_csv(request.files["table"])
    return {"risk": network.predict(minmax_scale(table[["age", "debt"]])).tolist()}
