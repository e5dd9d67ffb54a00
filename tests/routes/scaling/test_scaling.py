"""Routes through the scaler, on a live model: the rows they feed, or the reason why they do not."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.preprocessing import Normalizer, StandardScaler
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.routes.trace import Result
from tests.helpers.scaled_subjects import RAW, SCALER, TRAINED, Setting, only, refit_in


@pytest.fixture
def setting(tmp_path: Path) -> Callable[..., Setting]:
    """Make a setting around a small dense model of three features, or around another one."""
    return partial(Setting, tmp_path)


def test_routes_feed_the_rows_of_their_names(setting: Any) -> None:
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


def test_details_say_how_far_inputs_move(setting: Any) -> None:
    here = setting(scaler=SCALER)
    right = SCALER.transform(RAW)
    spread = right.std(axis=0)
    off = np.abs(StandardScaler().fit_transform(RAW) - right).max(axis=0) / spread
    details = here.run("refit-all").details
    assert details == {
        "moved": pytest.approx(off.max()),
        "column": int(off.argmax()),
        "columns": [0, 1, 2],
        "constant": False,
    }
    assert here.run("refit-single").details["constant"] is True
    assert here.run("scaled-alone").details["moved"] < 1e-12


def test_sequences_are_scaled_per_feature(setting: Any) -> None:
    raw = RAW.reshape(16, 3, 3)
    here = setting(raw, scaler=SCALER)
    expected = StandardScaler().fit_transform(raw.reshape(-1, 3)).reshape(raw.shape)
    assert np.allclose(only(here.run("refit-all")), here.fed(expected), atol=1e-6)
    assert here.run("refit-single").details["constant"] is False


def reason_without_outputs(result: Result) -> str:
    """The reason of a route that gave no outputs and nothing but a reason."""
    assert result == Result(outputs={}, details={"reason": result.details["reason"]})
    return str(result.details["reason"])


def test_without_a_scaler_nothing_is_scaled(setting: Any, wording: SnapshotAssertion) -> None:
    here = setting()
    names = ("refit-all", "scaled-alone", "unscaled", "float32-first")
    (reason,) = {reason_without_outputs(here.run(name)) for name in names}
    assert reason == wording


def test_rows_that_are_scaled_already_are_left_alone(setting: Any, wording: SnapshotAssertion) -> None:
    here = setting(scaler=SCALER, data_state="scaled")
    assert reason_without_outputs(here.run("refit-all")) == wording


def test_a_preprocess_function_cannot_be_fitted(setting: Any, wording: SnapshotAssertion) -> None:
    assert reason_without_outputs(setting(preprocess="prepare").run("refit-all")) == wording


def test_a_preprocess_function_that_depends_on_all_rows_shows_with_single_rows(setting: Any) -> None:
    details = setting(preprocess="prepare").run("scaled-alone").details
    assert details["constant"] is True
    assert details["moved"] > 1.0
    assert setting(preprocess="sound").run("scaled-alone").details["moved"] == 0.0


def test_a_preprocess_function_is_called_twice_on_the_same_rows(setting: Any) -> None:
    noisy, sound = (setting(preprocess=name).run("scaled-alone").details for name in ("noisy", "sound"))
    assert noisy["unsteady"] > 0.01
    assert sound["unsteady"] == 0.0
    assert noisy["prepared"] != setting(preprocess="noisy").run("scaled-alone").details["prepared"]
    assert sound["prepared"] == setting(preprocess="sound").run("scaled-alone").details["prepared"]
    assert "unsteady" not in setting(scaler=SCALER).run("scaled-alone").details


def test_a_preprocess_function_that_fails_on_one_row(setting: Any, wording: SnapshotAssertion) -> None:
    result = setting(preprocess="together").run("scaled-alone")
    assert (result.outputs, result.details["crashed"]) == ({}, True)
    assert result.details["reason"] == wording


def test_casts_that_change_nothing_are_not_tried(setting: Any, wording: SnapshotAssertion) -> None:
    cases = [(RAW.astype("float32"), "float32-first"), (RAW > 0, "float16-first")]
    results = [setting(raw, scaler=SCALER).run(route) for raw, route in cases]
    assert [reason_without_outputs(result) for result in results] == wording
    assert setting(RAW.astype("int64"), scaler=SCALER).run("float32-first").details["moved"] < 1e-6


def test_columns_are_permuted_as_their_names_suggest(setting: Any) -> None:
    here = setting(scaler=SCALER, feature_names=["income", "age", "debt"])
    assert np.array_equal(only(here.run("columns-permuted")), here.fed(SCALER.transform(RAW[:, [1, 2, 0]])))


def test_columns_stay_if_their_names_suggest_no_different_order(
    setting: Any, wording: SnapshotAssertion
) -> None:
    unnamed = setting(scaler=SCALER).run("columns-permuted")
    ordered = setting(scaler=SCALER, feature_names=["a", "b", "c"]).run("columns-permuted")
    assert [reason_without_outputs(result) for result in (unnamed, ordered)] == wording


def test_refitting_a_normalizer_changes_nothing(setting: Any) -> None:
    here = setting(scaler=Normalizer().fit(TRAINED))
    assert here.run("refit-single").details["moved"] == 0.0
