"""Routes through a preprocess function that prepares two inputs at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.loading.subject import Subject
from keras_consistency_cli.loading.subject_spec import SubjectFiles
from tests.helpers.live_models import session_of
from tests.helpers.scaled_subjects import RAW, ROUTES

SERVE = """
def sound(rows):
    return {"left": (rows["left"] - [50.0, 0.5, -3.0]) / [10.0, 0.3, 0.1], "right": rows["right"] / 7}

def together(rows):
    return {"left": rows["left"], "right": rows["right"] - rows["right"].mean(axis=0)}

def two_at_least(rows):
    if len(rows["left"]) < 2:
        raise ValueError("too few")
    return rows

def wider(rows):
    more = 3 if len(rows["left"]) < 2 else 2
    return {"left": rows["left"], "right": rows["right"][:, :1].repeat(more, axis=1)}
"""
OTHER = np.random.default_rng(8).normal(4.0, 2.0, (48, 2))


@pytest.fixture
def session(tmp_path: Path) -> Any:
    """Make a session of a model of two inputs, with that function and perhaps served rows."""

    def make(function: str, **served: np.ndarray) -> Any:
        keras.utils.set_random_seed(3)
        left, right = keras.Input((3,), name="left"), keras.Input((2,), name="right")
        model = keras.Model(
            {"left": left, "right": right}, layers.Dense(2)(layers.Concatenate()([left, right]))
        )
        (tmp_path / "serve.py").write_text(SERVE)
        np.savez(tmp_path / "data.npz", left=RAW, right=OTHER)
        np.savez(tmp_path / "served.npz", **served)
        named = {"served": str(tmp_path / "served.npz")} if served else {}
        files = SubjectFiles(
            model="live",
            data=str(tmp_path / "data.npz"),
            preprocess=f"{tmp_path / 'serve.py'}:{function}",
            **named,
        )
        session: Any = session_of((model, {}))
        session.subject = Subject(files=files, model=model, facts=session.facts)
        session.row_numbers = np.arange(48)
        return session

    return make


def run(session: Any, route: str) -> Any:
    return ROUTES[route].run(session, session.subject.rows(session.row_numbers))


def test_rows_that_do_not_depend_on_each_other_stay_the_same(session: Any) -> None:
    result = run(session("sound"), "scaled-alone")
    assert result.details["moved"] < 1e-12
    assert [values.shape for values in result.outputs.values()] == [(48, 2)]


def test_the_input_that_moves_most_is_named(session: Any) -> None:
    details = run(session("together"), "scaled-alone").details
    assert (details["input"], details["columns"], details["constant"]) == ("right", [0, 1], True)
    assert details["moved"] > 1


def test_a_row_that_cannot_be_prepared_alone_gives_a_reason(session: Any, wording: SnapshotAssertion) -> None:
    failing, wider = (run(session(name), "scaled-alone") for name in ("two_at_least", "wider"))
    assert (failing.outputs, failing.details["crashed"]) == ({}, True)
    assert (wider.outputs, wider.details.keys()) == ({}, {"reason"})
    assert [failing.details["reason"], wider.details["reason"]] == wording


def test_other_ways_of_scaling_are_not_applicable(session: Any, wording: SnapshotAssertion) -> None:
    results = [run(session("sound"), name) for name in ("unscaled", "refit-all", "scaled-twice")]
    assert [(result.outputs, result.details.keys()) for result in results] == [({}, {"reason"})] * 3
    (reason,) = {result.details["reason"] for result in results}
    assert reason == wording


def served(session: Any, **rows: np.ndarray) -> dict[str, list[str]]:
    inputs = run(session("sound", **rows), "served").details["inputs"]
    return {name: [mistake["kind"] for mistake in match["mistakes"]] for name, match in inputs.items()}


def test_served_rows_are_matched_by_input(session: Any) -> None:
    right = {"left": (RAW - [50.0, 0.5, -3.0]) / [10.0, 0.3, 0.1], "right": OTHER / 7}
    assert served(session, **right) == {"left": [], "right": []}
    assert served(session, **{**right, "left": RAW}) == {"left": ["unscaled"], "right": []}
