import numpy as np
import pandas as pd
from flask import Flask, request
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, RobustScaler
from tensorflow import keras

app = Flask(__name__)
network = keras.models.load_model("rent.keras")
numbers = Pipeline(steps=[("fill", SimpleImputer()), ("scale", RobustScaler())])


@app.post("/rents")
def rents():
    rows = numbers.fit_transform(np.array(request.json["rows"]))
    return {"rents": network.predict(rows).tolist()}


@app.post("/flats")
def flats():
    table = pd.DataFrame(request.json["flats"], columns=["area", "town"])
    columns = make_column_transformer((RobustScaler(), ["area"]), (OneHotEncoder(), ["town"]))
    rows = make_pipeline(columns).fit(table).transform(table)
    return {"rents": network.predict(rows).tolist()}
