"""A live model with files of raw rows, a scaler or a preprocess function, and served rows."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers
from sklearn.preprocessing import StandardScaler

from keras_consistency_cli.loading.subject import Subject
from keras_consistency_cli.loading.subject_spec import SubjectFiles
from keras_consistency_cli.routes.registry import routes
from keras_consistency_cli.routes.trace import Result
from tests.helpers.live_models import session_of

__all__ = ["RAW", "SCALER", "TRAINED", "Setting", "only", "refit_in"]

ROUTES = {route.name: route for route in routes()}
TRAINED = np.random.default_rng(0).normal([50.0, 0.5, -3.0], [10.0, 0.3, 0.1], size=(300, 3))
RAW = np.random.default_rng(1).normal([53.0, 0.4, -3.1], [12.0, 0.3, 0.2], size=(48, 3))
SCALER = StandardScaler().fit(TRAINED)

SHARED = """
import numpy as np

def prepare(rows):
    return (rows - rows.mean(axis=0)) / (rows.std(axis=0) + 1e-9)

def sound(rows):
    return (rows - [50.0, 0.5, -3.0]) / [10.0, 0.3, 0.1]

def together(rows):
    if len(rows) < 2:
        raise ValueError("too few")
    return rows

def noisy(rows):
    return rows + np.random.default_rng().normal(size=rows.shape)

def widened(rows):
    return np.concatenate([rows, rows], axis=1)[:, :3]
"""


class Setting:
    """A session whose subject has raw rows, and a scaler or preprocess function for them."""

    def __init__(self, folder: Path, raw: np.ndarray = RAW, model: Any = None, **files: Any) -> None:
        keras.utils.set_random_seed(3)
        model = model or keras.Sequential(
            [
                keras.Input(raw.shape[1:]),
                layers.Dense(5, activation="tanh"),
                layers.Flatten(),
                layers.Dense(2),
            ]
        )
        (folder / "serve.py").write_text(SHARED)
        np.save(folder / "data.npy", raw)
        named = {key: value for key, value in files.items() if key not in ("scaler", "served", "preprocess")}
        if "scaler" in files:
            (folder / "scaler.pkl").write_bytes(pickle.dumps(files["scaler"]))
            named["scaler"] = str(folder / "scaler.pkl")
        if "served" in files:
            np.save(folder / "served.npy", files["served"])
            named["served"] = str(folder / "served.npy")
        if "preprocess" in files:
            named["preprocess"] = f"{folder / 'serve.py'}:{files['preprocess']}"
        self.session: Any = session_of((model, {"x": raw.astype("float32")}))
        own = SubjectFiles(model="live", data=str(folder / "data.npy"), **named)
        self.session.subject = Subject(files=own, model=model, facts=self.session.facts)
        self.session.row_numbers = np.arange(len(raw))

    def run(self, route: str, numbers: np.ndarray | None = None) -> Result:
        """Run a route on these rows."""
        if numbers is not None:
            self.session.row_numbers = numbers
        return ROUTES[route].run(self.session, self.session.subject.rows(self.session.row_numbers))

    def fed(self, rows: np.ndarray) -> np.ndarray:
        """Return the model's outputs for rows."""
        name = self.session.facts.inputs[0].name
        (output,) = self.session.steps({name: rows}, self.session.batch_size).values()
        return np.asarray(output)


def only(result: Result) -> np.ndarray:
    (output,) = result.outputs.values()
    return np.asarray(output)


def refit_in(size: int, rows: np.ndarray = RAW) -> np.ndarray:
    return np.concatenate(
        [StandardScaler().fit_transform(rows[start : start + size]) for start in range(0, len(rows), size)]
    )
