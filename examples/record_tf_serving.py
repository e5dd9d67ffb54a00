"""A client of TF Serving that records what it sends and gets.

It needs scaler.joblib in the working directory. The recorded function talks to the server, so no model is
loaded here.

    kcheck run model.keras --scaler scaler.joblib --served served.npz
"""

import json
import urllib.request

import joblib
import numpy as np

from keras_consistency_cli import record

URL = "http://localhost:8501/v1/models/model:predict"


def ask(rows: np.ndarray) -> np.ndarray:
    """Return the outputs of the server for rows that are scaled already."""
    body = json.dumps({"instances": rows.tolist()}).encode()
    request = urllib.request.Request(URL, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - the URL is ours
        return np.array(json.load(answer)["predictions"], dtype="float32")


predict = record(ask, "served.npz", rows=1000)
scaler = joblib.load("scaler.joblib")


def score(raw: np.ndarray) -> np.ndarray:
    """Return the outputs for raw rows."""
    record.raw(raw)
    return predict(scaler.transform(raw).astype("float32"))
