import joblib
import numpy as np
from flask import Flask, request
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, Normalizer, OneHotEncoder, StandardScaler
from tensorflow import keras

app = Flask(__name__)
network = keras.models.load_model("embedding.keras")
features = joblib.load("features.joblib")
lengths = make_pipeline(FunctionTransformer(np.log1p), Normalizer())
days = make_pipeline(OneHotEncoder(categories=[["mon", "tue", "wed"]]))


@app.post("/embed")
def embed():
    rows = lengths.fit_transform(features.transform(np.array(request.json["rows"])))
    return {"vectors": network.predict(rows).tolist()}


@app.post("/days")
def of_days():
    return {"vectors": network.predict(days.fit_transform(request.json["days"])).tolist()}


@app.post("/probe")
def probe():
    """A classifier of vectors that is trained on what the request says, and forgotten."""
    vectors = network.predict(np.array(request.json["rows"]))
    probing = make_pipeline(StandardScaler(), LogisticRegression())
    probing.fit(vectors, request.json["labels"])
    return {"score": probing.score(vectors, request.json["labels"])}
