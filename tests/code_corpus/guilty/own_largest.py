import pandas as pd
from fastapi import FastAPI
from scipy.stats import zscore
from tensorflow import keras

app = FastAPI()
network = keras.models.load_model("risk.keras")


@app.post("/risk")
def risk(rows: list[dict]):
    table = pd.DataFrame(rows)[["age", "debt"]]
    return network.predict(table / table.max()).tolist()


@app.post("/scores")
def scores(rows: list[dict]):
    table = pd.DataFrame(rows)[["age", "debt"]]
    return network.predict(zscore(table)).tolist()
