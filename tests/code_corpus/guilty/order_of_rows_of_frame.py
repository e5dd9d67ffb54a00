import numpy as np
import pandas as pd
from flask import Flask, request
from tensorflow.keras.models import load_model

app = Flask(__name__)
model = load_model("yield.keras")


@app.post("/table")
def table():
    frame = pd.DataFrame(request.get_json()["fields"])
    frame["ratio"] = frame["rain"] / frame["sun"]
    frame.pop("field")
    return model.predict(frame.dropna().to_numpy()).tolist()


@app.post("/records")
def records():
    frame = pd.DataFrame(request.get_json()["fields"])
    return model.predict(np.array([list(row.values()) for row in frame.to_dict("records")])).tolist()


@app.post("/rows")
def rows():
    frame = pd.DataFrame(request.get_json()["fields"])
    return model.predict(np.column_stack([frame[name] for name in frame])).tolist()


@app.post("/first")
def first():
    frame = pd.DataFrame(request.get_json()["fields"])
    return model.predict(frame.iloc[0].to_numpy()).tolist()
