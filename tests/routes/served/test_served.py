"""The route of the served rows: the model's outputs for them, and the mistakes in them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, PowerTransformer, StandardScaler
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.loading.subject import Subject
from keras_consistency_cli.loading.subject_spec import SubjectFiles
from keras_consistency_cli.routes.trace import Result
from tests.helpers.scaled_subjects import RAW, SCALER, TRAINED, Setting, only, refit_in


@pytest.fixture
def setting(tmp_path: Path) -> Callable[..., Setting]:
    """Make a setting around a small dense model of three features, or around another one."""
    return partial(Setting, tmp_path)


PIPELINE = Pipeline([("power", PowerTransformer()), ("scale", MinMaxScaler())]).fit(TRAINED)
SERVED: dict[str, tuple[Callable[[np.ndarray], np.ndarray], list[tuple[str, int | None]]]] = {
    "rightly": (SCALER.transform, []),
    "refitted on all": (lambda rows: StandardScaler().fit_transform(rows), [("refit-all", None)]),
    "refitted on 20": (lambda rows: refit_in(20, rows), [("refit-batches", 20)]),
    "refitted on the first 16": (
        lambda rows: StandardScaler().fit(rows[:16]).transform(rows),
        [("refit-first", 16)],
    ),
    "refitted on each row": (lambda rows: refit_in(1, rows), [("refit-single", 1)]),
    "not scaled": (lambda rows: rows, [("unscaled", None)]),
    "scaled twice": (lambda rows: SCALER.transform(SCALER.transform(rows)), [("scaled-twice", None)]),
    "float16": (lambda rows: SCALER.transform(rows).astype("float16"), [("float16-after", None)]),
    "float16 first": (lambda rows: SCALER.transform(rows.astype("float16")), [("float16-first", None)]),
    "stored as float16": (
        lambda rows: SCALER.transform(rows.astype("float16").astype("float64")),
        [("float16-first", None)],
    ),
    "other columns": (lambda rows: SCALER.transform(rows[:, [2, 1, 0]]), [("other-columns", None)]),
    "cut to whole numbers": (lambda rows: SCALER.transform(np.trunc(rows)), [("cut-first", None)]),
    "rounded to whole numbers": (lambda rows: SCALER.transform(np.rint(rows)), [("rounded-first", None)]),
    "cut off": (lambda rows: np.clip(SCALER.transform(rows), -1, 1), [("clipped", None)]),
    "a different class": (
        lambda rows: MinMaxScaler().fit(TRAINED).transform(rows),
        [("another-scaler", None)],
    ),
}


@pytest.mark.parametrize(("serve", "expected"), SERVED.values(), ids=list(SERVED))
def test_served_rows_are_matched_and_predicted(
    setting: Any, serve: Any, expected: list[tuple[str, int | None]]
) -> None:
    here = setting(scaler=SCALER, served=serve(RAW))
    result = here.run("served")
    (match,) = result.details["inputs"].values()
    assert [(mistake["kind"], mistake["batch"]) for mistake in match["mistakes"]] == expected
    assert (match["rows"], match["features"]) == (48, 3)
    assert np.array_equal(only(result), here.fed(serve(RAW)))


@pytest.mark.parametrize(
    ("without", "kind"), [(0, "without-step:impute"), (1, "without-step:squash"), (2, "without-step:scale")]
)
def test_a_step_left_out_is_named(setting: Any, without: int, kind: str) -> None:
    raw = np.where(np.random.default_rng(5).random(RAW.shape) < 0.1, np.nan, RAW)
    steps = [
        ("impute", SimpleImputer()),
        ("squash", PowerTransformer(standardize=False)),
        ("scale", StandardScaler()),
    ]
    scaler = Pipeline(steps).fit(TRAINED)
    served = Pipeline([step for at, step in enumerate(scaler.steps) if at != without]).transform(raw)
    (match,) = setting(raw, scaler=scaler, served=served).run("served").details["inputs"].values()
    assert [(mistake["kind"], mistake["columns"]) for mistake in match["mistakes"]] == [(kind, (0, 1, 2))]


@pytest.mark.parametrize(
    ("refits", "kind", "batch"),
    [
        (lambda rows: MinMaxScaler().fit_transform(PIPELINE[:1].transform(rows)), "refit-step-all:scale", 48),
        (
            lambda rows: np.concatenate(
                [
                    MinMaxScaler().fit_transform(PIPELINE[:1].transform(rows[at : at + 12]))
                    for at in range(0, 48, 12)
                ]
            ),
            "refit-step:scale",
            12,
        ),
        (
            lambda rows: PIPELINE[1:].transform(
                np.concatenate(
                    [PowerTransformer().fit_transform(rows[at : at + 16]) for at in range(0, 48, 16)]
                )
            ),
            "refit-step:power",
            16,
        ),
        (lambda rows: clone(PIPELINE).fit_transform(rows), "refit-all", None),
        (PIPELINE.transform, None, None),
        (
            lambda rows: np.concatenate(
                [MinMaxScaler().fit_transform(PIPELINE[:1].transform(rows[[at]])) for at in range(48)]
            ),
            "refit-step-single:scale",
            1,
        ),
    ],
    ids=[
        "last step, all rows",
        "last step, batches",
        "first step, batches",
        "both steps",
        "rightly",
        "each row",
    ],
)
def test_a_single_step_that_is_fitted_again_is_named(
    setting: Any, refits: Callable[[np.ndarray], np.ndarray], kind: str | None, batch: int | None
) -> None:
    served = refits(RAW)
    (match,) = setting(scaler=PIPELINE, served=served).run("served").details["inputs"].values()
    found = [(mistake["kind"], mistake["batch"]) for mistake in match["mistakes"]]
    assert found == ([(kind, batch)] if kind else [])


def test_ids_that_floats_do_not_hold_are_named(setting: Any) -> None:
    random = np.random.default_rng(4)
    ids = random.integers(1, 40_000, (48, 1)).astype("int32")
    model = keras.Sequential(
        [keras.Input((1,), dtype="int32"), layers.Embedding(40_000, 3), layers.Flatten(), layers.Dense(2)]
    )
    served = ids.astype("float16").astype("int32")
    assert [each["kind"] for each in mistakes_of(setting(ids, model, served=served))] == [
        "ids-stored:float16"
    ]
    other = random.permutation(ids.ravel())[:, None]
    assert all(
        each["kind"] != "ids-stored:float16" for each in mistakes_of(setting(ids, model, served=other))
    )
    small = (ids % 2000).astype("int32")
    assert mistakes_of(setting(small, model, served=small.astype("float16").astype("int32"))) == []


def mistakes_of(here: Setting) -> Any:
    """The mistakes in the served rows of the only input."""
    (match,) = here.run("served").details["inputs"].values()
    return list(match.get("mistakes", ()))


FLAGS = np.column_stack([np.random.default_rng(6).integers(0, 3, 48), RAW[:, :2]])
WIDENING = ColumnTransformer(
    [("flags", OneHotEncoder(sparse_output=False), [0]), ("numbers", StandardScaler(), [1, 2])]
).fit(FLAGS[::2])
ORDER = [3, 4, 0, 1, 2]
WIDE: dict[str, tuple[Callable[[], np.ndarray], list[str]]] = {
    "rightly": (lambda: WIDENING.transform(FLAGS), []),
    "blocks exchanged": (lambda: WIDENING.transform(FLAGS)[:, ORDER], ["other-columns"]),
    "blocks exchanged in some rows": (
        lambda: np.concatenate([WIDENING.transform(FLAGS[:20])[:, ORDER], WIDENING.transform(FLAGS[20:])]),
        ["other-columns"],
    ),
    "numbers exchanged before": (
        lambda: WIDENING.transform(FLAGS[:, [0, 2, 1]]),
        ["other-columns-scaled"],
    ),
    "refitted": (lambda: clone(WIDENING).fit_transform(FLAGS), ["refit-all"]),
    "a number unscaled": (
        lambda: np.column_stack([WIDENING.transform(FLAGS)[:, :4], FLAGS[:, 2]]),
        ["another-scaler"],
    ),
}


@pytest.mark.parametrize(("serve", "kinds"), WIDE.values(), ids=list(WIDE))
def test_served_rows_behind_a_transformer_that_makes_more_columns(
    setting: Any, serve: Callable[[], np.ndarray], kinds: list[str]
) -> None:
    model = keras.Sequential([keras.Input((5,)), layers.Dense(2)])
    here = setting(FLAGS, model, scaler=WIDENING, served=serve())
    (match,) = here.run("served").details["inputs"].values()
    assert [mistake["kind"] for mistake in match["mistakes"]] == kinds


CLIPPING = MinMaxScaler(clip=True).fit(TRAINED)


@pytest.mark.parametrize(
    "scaler",
    [
        CLIPPING,
        Pipeline([("impute", SimpleImputer()), ("scale", MinMaxScaler(clip=True))]).fit(TRAINED),
        ColumnTransformer([("scale", MinMaxScaler(clip=True), [0, 1, 2])]).fit(TRAINED),
    ],
    ids=["alone", "in a pipeline", "in a ColumnTransformer"],
)
def test_clipping_that_serving_leaves_out(setting: Any, scaler: Any) -> None:
    far = RAW + 3 * (RAW - RAW.mean(axis=0))
    unclipped = far * CLIPPING.scale_ + CLIPPING.min_
    for served, kinds in ((unclipped, ["not-clipped"]), (scaler.transform(far), [])):
        (match,) = setting(far, scaler=scaler, served=served).run("served").details["inputs"].values()
        assert [mistake["kind"] for mistake in match["mistakes"]] == kinds


def test_batches_are_recognised_with_a_spread_sample(setting: Any) -> None:
    here = setting(scaler=SCALER, served=refit_in(20))
    (match,) = here.run("served", np.array([3, 17, 40])).details["inputs"].values()
    assert [(mistake["kind"], mistake["batch"]) for mistake in match["mistakes"]] == [("refit-batches", 20)]


def test_served_rows_after_the_window_are_matched_by_the_sample(
    setting: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("keras_consistency_cli.routes.served.served._WINDOW_ROWS", 8)
    served = SCALER.transform(RAW)
    served[30:] = RAW[30:]
    here = setting(scaler=SCALER, served=served)
    (match,) = here.run("served", np.array([2, 20, 35, 47])).details["inputs"].values()
    assert (match["rows"], match["wrong_rows"]) == (11, 2)


def test_large_data_are_refitted_on_a_sample(setting: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("keras_consistency_cli.routes.served.served._WHOLE_BYTES", 2000 * 24)
    monkeypatch.setattr("keras_consistency_cli.routes.served.served._WINDOW_ROWS", 64)
    raw = np.random.default_rng(5).uniform([0, 5, 9], [1, 9, 11], size=(4000, 3))
    here = setting(raw, scaler=SCALER, served=StandardScaler().fit_transform(raw))
    (match,) = here.run("served", np.arange(0, 4000, 100)).details["inputs"].values()
    assert [mistake["kind"] for mistake in match["mistakes"]] == ["refit-all"]


def test_a_function_served_row_by_row(setting: Any) -> None:
    here = setting(preprocess="prepare", served=np.zeros_like(RAW))
    (match,) = here.run("served").details["inputs"].values()
    assert [mistake["kind"] for mistake in match["mistakes"]] == ["scaled-alone"]


def test_scaled_data_that_were_served_raw_or_scaled_again(setting: Any) -> None:
    right = SCALER.transform(RAW)
    for served, kind in ((RAW, "unscaled"), (SCALER.transform(right), "scaled-twice")):
        (match,) = (
            setting(right, scaler=SCALER, data_state="scaled", served=served)
            .run("served")
            .details["inputs"]
            .values()
        )
        assert [mistake["kind"] for mistake in match["mistakes"]] == [kind]


def test_served_rows_without_a_scaler_are_compared_with_the_data(setting: Any) -> None:
    (match,) = setting(served=RAW).run("served").details["inputs"].values()
    assert match["mistakes"] == ()
    for factor, kind in ((1 / 250, "another-scaler"), (1 / 255, "divided-again"), (255, "not-divided")):
        (match,) = setting(served=RAW * factor).run("served").details["inputs"].values()
        assert [mistake["kind"] for mistake in match["mistakes"]] == [kind]


def test_some_rows_that_were_not_divided_by_255(setting: Any) -> None:
    served = np.r_[RAW[:20] * 255, RAW[20:]]
    (match,) = setting(served=served).run("served").details["inputs"].values()
    assert [(mistake["kind"], mistake["hit"]) for mistake in match["mistakes"]] == [("not-divided", 20)]


def test_column_names_are_reported(setting: Any) -> None:
    here = setting(scaler=SCALER, served=RAW, feature_names=["a", "b", "c"])
    assert list(here.run("served").details["names"].values()) == [["a", "b", "c"]]
    assert setting(scaler=SCALER, served=RAW).run("served").details["names"] == {}


def test_without_served_rows_there_are_no_outputs(setting: Any, wording: SnapshotAssertion) -> None:
    result = setting(scaler=SCALER).run("served")
    assert result == Result(outputs={}, details={"reason": result.details["reason"]})
    assert result.details["reason"] == wording


def two_inputs() -> Any:
    left, right = keras.Input((3,), name="left"), keras.Input((3,), name="right")
    return keras.Model([left, right], layers.Dense(1)(layers.Concatenate()([left, right])))


def serve_two(folder: Path, served: dict[str, np.ndarray], *, right: np.ndarray) -> Any:
    """The matches of two inputs, of which the scaler belongs to the left one."""
    model = two_inputs()
    here = Setting(folder, RAW, model, scaler=SCALER, scaler_input="left")
    np.savez(folder / "data.npz", left=RAW, right=right)
    np.savez(folder / "served.npz", **served)
    files = SubjectFiles(
        model="live",
        data=str(folder / "data.npz"),
        scaler=str(folder / "scaler.pkl"),
        served=str(folder / "served.npz"),
        scaler_input="left",
    )
    here.session.subject = Subject(files=files, model=model, facts=here.session.facts)
    return here.run("served").details["inputs"]


@pytest.mark.parametrize("exchange_first", [True, False])
def test_inputs_that_are_exchanged_before_or_after_scaling(tmp_path: Path, exchange_first: bool) -> None:
    right = np.random.default_rng(8).normal([50.0, 0.5, -3.0], [10.0, 0.3, 0.1], size=RAW.shape)
    served = (
        {"left": SCALER.transform(right), "right": RAW}
        if exchange_first
        else {"left": right, "right": SCALER.transform(RAW)}
    )
    inputs = serve_two(tmp_path, served, right=right)
    kinds = {
        name: [each["kind"].partition(":")[0] for each in match["mistakes"]] for name, match in inputs.items()
    }
    assert kinds == {"left": ["other-input"], "right": ["other-input"]}


def test_a_forgotten_scaler_beside_an_input_of_the_same_raw_rows(tmp_path: Path) -> None:
    inputs = serve_two(tmp_path, {"left": RAW, "right": RAW}, right=RAW)
    assert [each["kind"] for each in inputs["left"]["mistakes"]] == ["unscaled"]


def test_an_input_that_the_scaler_does_not_belong_to(tmp_path: Path) -> None:
    scaled = SCALER.transform(RAW)
    inputs = serve_two(tmp_path, {"left": scaled, "right": SCALER.transform(scaled)}, right=scaled)
    assert inputs["left"]["mistakes"] == ()
    assert [(mistake["kind"], mistake["columns"]) for mistake in inputs["right"]["mistakes"]] == [
        ("scaled-too", (0, 1, 2))
    ]


def test_a_cast_after_scaling_is_recognised_if_raw_rows_are_too_large_for_it(setting: Any) -> None:
    raw, scaler = RAW * 1e6, StandardScaler().fit(TRAINED * 1e6)
    result = setting(raw, scaler=scaler, served=scaler.transform(raw).astype("float16")).run("served")
    (match,) = result.details["inputs"].values()
    assert [mistake["kind"] for mistake in match["mistakes"]] == ["float16-after"]
