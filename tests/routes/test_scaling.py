"""Routes through the scaler, the served rows and Normalization layers, on a live model: each feeds what its name says."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers
from sklearn.preprocessing import MinMaxScaler, Normalizer, StandardScaler

from keras_consistency_cli.loading.subject import Subject, SubjectFiles
from keras_consistency_cli.routes import routes
from keras_consistency_cli.routes.base import Result
from tests.routes.live_models import session_of

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

def widened(rows):
    return np.concatenate([rows, rows], axis=1)[:, :3]
"""


class Setting:
    """A session whose subject has raw rows and what comes between them and the model."""

    def __init__(self, folder: Path, model: Any, raw: np.ndarray, **files: Any) -> None:
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
        self.session.numbers = np.arange(len(raw))

    def run(self, route: str, numbers: np.ndarray | None = None) -> Result:
        """Run a route on these rows."""
        if numbers is not None:
            self.session.numbers = numbers
        return ROUTES[route].run(self.session, self.session.subject.rows(self.session.numbers))

    def fed(self, rows: np.ndarray) -> np.ndarray:
        """What the model answers to rows."""
        name = self.session.facts.inputs[0].name
        (answer,) = self.session.steps({name: rows}, self.session.batch_size).values()
        return np.asarray(answer)


@pytest.fixture
def setting(tmp_path: Path) -> Callable[..., Setting]:
    """Make a setting around a small dense model of three features."""

    def make(raw: np.ndarray = RAW, model: Any = None, **files: Any) -> Setting:
        keras.utils.set_random_seed(3)
        shape = raw.shape[1:]
        built = model or keras.Sequential([keras.Input(shape), layers.Dense(5, activation="tanh"), layers.Flatten(), layers.Dense(2)])
        return Setting(tmp_path, built, raw, **files)

    return make


def only(result: Result) -> np.ndarray:
    (answer,) = result.outputs.values()
    return np.asarray(answer)


def refit_in(size: int, rows: np.ndarray = RAW) -> np.ndarray:
    return np.concatenate([StandardScaler().fit_transform(rows[start : start + size]) for start in range(0, len(rows), size)])


def test_each_route_feeds_what_its_name_says(setting: Any) -> None:
    here = setting(scaler=SCALER)
    right = SCALER.transform(RAW)
    expected = {
        "refit-all": StandardScaler().fit_transform(RAW),
        "refit-batches": refit_in(here.session.batch_size),
        "refit-single": np.zeros_like(RAW),
        "scaled-alone": right,
        "unscaled": RAW,
        "scaled-twice": SCALER.transform(right),
        "float32-first": SCALER.transform(RAW.astype("float32")),
        "float16-first": SCALER.transform(RAW.astype("float16")),
    }
    for name, rows in expected.items():
        assert np.array_equal(only(here.run(name)), here.fed(rows)), name


def test_details_tell_how_far_inputs_move(setting: Any) -> None:
    here = setting(scaler=SCALER)
    right = SCALER.transform(RAW)
    spread = right.std(axis=0)
    off = np.abs(StandardScaler().fit_transform(RAW) - right).max(axis=0) / spread
    details = here.run("refit-all").details
    assert details == {"moved": pytest.approx(off.max()), "column": int(off.argmax()), "columns": [0, 1, 2], "constant": False}
    assert here.run("refit-single").details["constant"] is True
    assert here.run("scaled-alone").details["moved"] < 1e-12


def test_sequences_are_scaled_per_feature(setting: Any) -> None:
    raw = RAW.reshape(16, 3, 3)
    here = setting(raw, scaler=SCALER)
    expected = StandardScaler().fit_transform(raw.reshape(-1, 3)).reshape(raw.shape)
    assert np.allclose(only(here.run("refit-all")), here.fed(expected), atol=1e-6)
    assert here.run("refit-single").details["constant"] is False


def test_without_a_scaler_nothing_is_scaled(setting: Any) -> None:
    here = setting()
    for name in ("refit-all", "scaled-alone", "unscaled", "float32-first"):
        assert here.run(name) == Result(outputs={}, details={"reason": "no scaler or preprocess given"})


def test_rows_that_are_scaled_already_are_left_alone(setting: Any) -> None:
    here = setting(scaler=SCALER, data_state="scaled")
    assert here.run("refit-all").details == {"reason": "the rows are scaled already (facts.data_state)"}


def test_a_preprocess_function_has_nothing_to_fit(setting: Any) -> None:
    assert setting(preprocess="prepare").run("refit-all") == Result(outputs={}, details={"reason": "a preprocess function has nothing to fit"})


def test_a_preprocess_function_that_looks_at_all_rows_is_caught_alone(setting: Any) -> None:
    details = setting(preprocess="prepare").run("scaled-alone").details
    assert details["constant"] is True
    assert details["moved"] > 1.0
    assert setting(preprocess="sound").run("scaled-alone").details["moved"] == 0.0


def test_a_preprocess_function_that_fails_on_one_row(setting: Any) -> None:
    found = setting(preprocess="together").run("scaled-alone")
    assert (found.outputs, found.details["crashed"]) == ({}, True)
    assert "too few" in found.details["reason"]


def test_casts_that_change_nothing_are_not_tried(setting: Any) -> None:
    assert setting(RAW.astype("float32"), scaler=SCALER).run("float32-first").details == {"reason": "the rows are float32 as they are"}
    assert setting((RAW > 0), scaler=SCALER).run("float16-first").details == {"reason": "the rows are bool as they are"}
    assert setting(RAW.astype("int64"), scaler=SCALER).run("float32-first").details["moved"] < 1e-6


def test_columns_are_permuted_as_their_names_suggest(setting: Any) -> None:
    assert setting(scaler=SCALER).run("columns-permuted").details == {"reason": "neither the data nor the scaler name their columns"}
    here = setting(scaler=SCALER, feature_names=["income", "age", "debt"])
    assert np.array_equal(only(here.run("columns-permuted")), here.fed(SCALER.transform(RAW[:, [1, 2, 0]])))
    sorted_already = setting(scaler=SCALER, feature_names=["a", "b", "c"]).run("columns-permuted")
    assert sorted_already.details == {"reason": "the names of the columns suggest no other order"}


SERVED: dict[str, tuple[Callable[[np.ndarray], np.ndarray], list[tuple[str, int | None]]]] = {
    "rightly": (SCALER.transform, []),
    "refitted on all": (lambda rows: StandardScaler().fit_transform(rows), [("refit-all", None)]),
    "refitted on 20": (lambda rows: refit_in(20, rows), [("refit-batches", 20)]),
    "refitted on the first 16": (lambda rows: StandardScaler().fit(rows[:16]).transform(rows), [("refit-first", 16)]),
    "refitted on each row": (lambda rows: refit_in(1, rows), [("refit-single", 1)]),
    "not scaled": (lambda rows: rows, [("unscaled", None)]),
    "scaled twice": (lambda rows: SCALER.transform(SCALER.transform(rows)), [("scaled-twice", None)]),
    "float16": (lambda rows: SCALER.transform(rows).astype("float16"), [("float16-after", None)]),
    "float16 first": (lambda rows: SCALER.transform(rows.astype("float16")), [("float16-first", None)]),
    "other columns": (lambda rows: SCALER.transform(rows[:, [2, 1, 0]]), [("other-columns", None)]),
    "another class": (lambda rows: MinMaxScaler().fit(TRAINED).transform(rows), [("another-scaler", None)]),
}


@pytest.mark.parametrize(("serve", "expected"), SERVED.values(), ids=list(SERVED))
def test_served_rows_are_matched_and_predicted(setting: Any, serve: Any, expected: list[tuple[str, int | None]]) -> None:
    here = setting(scaler=SCALER, served=serve(RAW))
    found = here.run("served")
    (match,) = found.details["inputs"].values()
    assert [(mistake["kind"], mistake["batch"]) for mistake in match["mistakes"]] == expected
    assert (match["rows"], match["features"]) == (48, 3)
    assert np.array_equal(only(found), here.fed(serve(RAW)))


def test_batches_are_recognised_although_the_sample_is_spread(setting: Any) -> None:
    here = setting(scaler=SCALER, served=refit_in(20))
    (match,) = here.run("served", np.array([3, 17, 40])).details["inputs"].values()
    assert [(mistake["kind"], mistake["batch"]) for mistake in match["mistakes"]] == [("refit-batches", 20)]


def test_served_rows_beyond_the_window_are_judged_by_the_sample(setting: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("keras_consistency_cli.routes.served._WINDOW_ROWS", 8)
    served = SCALER.transform(RAW)
    served[30:] = RAW[30:]
    here = setting(scaler=SCALER, served=served)
    (match,) = here.run("served", np.array([2, 20, 35, 47])).details["inputs"].values()
    assert (match["rows"], match["wrong_rows"]) == (11, 2)


def test_large_data_are_refitted_on_a_sample(setting: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("keras_consistency_cli.routes.served._WHOLE_BYTES", 2000 * 24)
    monkeypatch.setattr("keras_consistency_cli.routes.served._WINDOW_ROWS", 64)
    raw = np.random.default_rng(5).uniform([0, 5, 9], [1, 9, 11], size=(4000, 3))
    here = setting(raw, scaler=SCALER, served=StandardScaler().fit_transform(raw))
    (match,) = here.run("served", np.arange(0, 4000, 100)).details["inputs"].values()
    assert [mistake["kind"] for mistake in match["mistakes"]] == ["refit-all"]


def test_a_function_served_row_by_row(setting: Any) -> None:
    here = setting(preprocess="prepare", served=np.zeros_like(RAW))
    (match,) = here.run("served").details["inputs"].values()
    assert [mistake["kind"] for mistake in match["mistakes"]] == ["scaled-alone"]


def test_rows_said_to_be_scaled_that_were_served_raw_or_scaled_again(setting: Any) -> None:
    right = SCALER.transform(RAW)
    for served, kind in ((RAW, "unscaled"), (SCALER.transform(right), "scaled-twice")):
        (match,) = setting(right, scaler=SCALER, data_state="scaled", served=served).run("served").details["inputs"].values()
        assert [mistake["kind"] for mistake in match["mistakes"]] == [kind]


def test_served_rows_without_a_scaler_are_held_against_the_data(setting: Any) -> None:
    (match,) = setting(served=RAW).run("served").details["inputs"].values()
    assert match["mistakes"] == ()
    (match,) = setting(served=RAW / 255).run("served").details["inputs"].values()
    assert [mistake["kind"] for mistake in match["mistakes"]] == ["another-scaler"]


def test_names_of_columns_come_along(setting: Any) -> None:
    here = setting(scaler=SCALER, served=RAW, feature_names=["a", "b", "c"])
    assert list(here.run("served").details["names"].values()) == [["a", "b", "c"]]
    assert setting(scaler=SCALER, served=RAW).run("served").details["names"] == {}


def test_no_served_rows_are_no_answer(setting: Any) -> None:
    assert setting(scaler=SCALER).run("served") == Result(outputs={}, details={"reason": "no served rows given"})


def test_a_normalizer_is_immune_to_refitting(setting: Any) -> None:
    here = setting(scaler=Normalizer().fit(TRAINED))
    assert here.run("refit-single").details["moved"] == 0.0


def two_inputs() -> Any:
    left, right = keras.Input((3,), name="left"), keras.Input((3,), name="right")
    return keras.Model([left, right], layers.Dense(1)(layers.Concatenate()([left, right])))


def test_an_input_that_the_scaler_has_no_business_with(tmp_path: Path) -> None:
    model, scaled = two_inputs(), SCALER.transform(RAW)
    here = Setting(tmp_path, model, RAW, scaler=SCALER, scaler_input="left")
    np.savez(tmp_path / "data.npz", left=RAW, right=scaled)
    np.savez(tmp_path / "served.npz", left=scaled, right=SCALER.transform(scaled))
    files = SubjectFiles(
        model="live",
        data=str(tmp_path / "data.npz"),
        scaler=str(tmp_path / "scaler.pkl"),
        served=str(tmp_path / "served.npz"),
        scaler_input="left",
    )
    here.session.subject = Subject(files=files, model=model, facts=here.session.facts)
    inputs = here.run("served").details["inputs"]
    assert inputs["left"]["mistakes"] == ()
    assert [(mistake["kind"], mistake["columns"]) for mistake in inputs["right"]["mistakes"]] == [("scaled-too", (0, 1, 2))]


def normalised(**kwargs: Any) -> Any:
    norm = layers.Normalization(name="norm", **kwargs)
    norm.adapt(TRAINED)
    inner = keras.Sequential([keras.Input((3,)), norm, layers.Dense(4, activation="tanh")], name="inner")
    return keras.Sequential([keras.Input((3,)), inner, layers.Dense(1)])


def test_adapting_does_what_adapt_does_and_leaves_the_model_alone(setting: Any) -> None:
    model = normalised()
    here = setting(model=model)
    found = {name: here.run(name) for name in ("adapt-all", "adapt-batches", "adapt-single")}
    assert here.session.snapshot.changes() == ()
    size, norm = here.session.batch_size, model.layers[0].layers[0]
    norm.adapt(RAW)
    assert np.allclose(only(found["adapt-all"]), np.asarray(model(RAW)), atol=1e-6)
    norm.adapt(RAW[:size])
    assert np.allclose(only(found["adapt-batches"])[:size], np.asarray(model(RAW[:size])), atol=1e-6)
    single = found["adapt-single"]
    assert len(np.unique(only(single))) == 1
    assert single.rows is not None
    assert single.rows.tolist() == list(range(16))


def test_adapting_tells_how_far_the_mean_moves(setting: Any) -> None:
    (shift,) = setting(model=normalised()).run("adapt-all").details["shifts"].values()
    expected = np.abs((RAW.mean(axis=0) - TRAINED.mean(axis=0)) / TRAINED.std(axis=0)).max()
    assert shift == pytest.approx(expected, rel=1e-3)


def test_one_mean_for_all_features(setting: Any) -> None:
    model = normalised(axis=None)
    found = only(setting(model=model).run("adapt-all"))
    model.layers[0].layers[0].adapt(RAW)
    assert np.allclose(found, np.asarray(model(RAW)), atol=1e-5)


def test_models_that_normalise_nothing_say_so(setting: Any) -> None:
    assert setting().run("adapt-all") == Result(outputs={}, details={"reason": "the model has no Normalization layer"})
    inverted = keras.Sequential([keras.Input((3,)), layers.Normalization(mean=1.0, variance=4.0, invert=True)])
    assert setting(model=inverted).run("adapt-all").details == {"reason": "the model has no Normalization layer"}
