"""Planted faults of scaling: wrong served rows, undeclared states, scalers of other models."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from tests.corpus.cases import Case
from tests.corpus.kits import Kit, Rework, as_is, lay_out
from tests.corpus.mistakes import (
    another_kind,
    another_split,
    cut,
    cut_off,
    early_float32,
    filled_at_hand,
    filled_behind,
    filled_with,
    gaps,
    half,
    now_and_then,
    one_batch,
    one_column,
    one_column_refitted,
    other_unit,
    refitted,
    refitted_on_the_first,
    reordered,
    rightly,
    shifted_mean,
    stored,
    twice,
    unscaled,
)
from tests.corpus.sources import MISTAKEN, MUTATING, SOUND, TOGETHER, UNSTEADY
from tests.corpus.worlds import PEOPLE, WORLDS, Array, World, people, settle

__all__ = ["CASES", "SERVED", "pair_of_tables", "scaled_already", "together"]

FAMILY = "scaling"
REFITTED, FOREIGN, ROUNDED = (
    ("scaler-refit",),
    ("scaler-foreign", "scaler-stale"),
    ("scaled-in-low-precision",),
)
FILLED = ("gaps-filled-otherwise",)


def _case(
    name: str, kit: Kit, failing: tuple[str, ...], causes: tuple[str, ...] = (), warning: tuple[str, ...] = ()
) -> Case:
    return Case(
        name=name,
        family=FAMILY,
        build=kit.world.model,
        kit=kit,
        failing=failing,
        causes=causes,
        warning=warning,
    )


SERVED: Mapping[tuple[str, str], tuple[Rework, tuple[str, ...]]] = {
    ("people standard", "refitted on all"): (refitted(), REFITTED),
    ("people standard", "refitted on the first batch, kept for the rest"): (
        refitted_on_the_first(16),
        REFITTED,
    ),
    ("people standard", "mean off by 0.3 in one column"): (shifted_mean(3, 0.3), FOREIGN),
    ("people standard", "one row in five as it is"): (now_and_then(unscaled, 5), ("scaler-missing",)),
    ("people minmax", "one row in four scaled twice"): (now_and_then(twice, 4), ("scaler-applied-twice",)),
    ("weather robust", "one batch refitted"): (one_batch(refitted(), 32, 64), REFITTED),
    ("walks standard", "one window in three as it is"): (now_and_then(unscaled, 3), ("scaler-missing",)),
    ("weather maxabs", "a scaler of another kind on one server of four"): (
        now_and_then(another_kind(StandardScaler), 4),
        FOREIGN,
    ),
    ("weather standard", "cut to whole numbers"): (cut, ROUNDED),
    ("people standard", "cut off at both ends"): (cut_off, ()),
    ("people standard", "gaps filled in"): (gaps, ()),
    ("weather standard", "degrees of Fahrenheit"): (other_unit(0, 1.8, 32.0), FOREIGN),
    ("people minmax", "refitted on 16"): (refitted(16), REFITTED),
    ("people minmax", "scaled twice"): (twice, ("scaler-applied-twice",)),
    ("people minmax", "rows as they are"): (unscaled, ("scaler-missing",)),
    ("people mixed", "refitted on all"): (refitted(), REFITTED),
    ("people mixed", "columns reversed"): (reordered(4, 3, 2, 1, 0), ("feature-order",)),
    ("people gappy", "refitted on 24"): (refitted(24), REFITTED),
    ("people gappy", "with 0 for what is missing"): (filled_with(0.0), FILLED),
    ("people gappy", "with -999 for what is missing"): (filled_with(-999.0), FILLED),
    ("people gappy", "with the means at hand for what is missing"): (filled_at_hand, FILLED),
    ("people gappy", "with 0 behind the scaler for what is missing"): (filled_behind, FILLED),
    ("weather standard", "refitted on each row"): (refitted(1), REFITTED),
    ("weather standard", "two like columns exchanged"): (reordered(0, 1, 2, 3, 5, 4), ("feature-order",)),
    ("weather standard", "scaler of another split"): (another_split, FOREIGN),
    ("weather robust", "refitted on 32"): (refitted(32), REFITTED),
    ("weather robust", "one column refitted"): (one_column_refitted(2), REFITTED),
    ("weather robust", "standard instead of robust"): (another_kind(StandardScaler), FOREIGN),
    ("weather maxabs", "rows as they are"): (unscaled, ("scaler-missing",)),
    ("weather maxabs", "refitted on 8"): (refitted(8), REFITTED),
    ("weather constant", "scaled twice"): (twice, ("scaler-applied-twice",)),
    ("skewed power", "refitted on all"): (refitted(), REFITTED),
    ("skewed power", "scaled twice"): (twice, ("scaler-applied-twice",)),
    ("skewed quantile", "refitted on 20"): (refitted(20), REFITTED),
    ("skewed quantile", "range instead of quantiles"): (another_kind(MinMaxScaler), FOREIGN),
    ("walks standard", "refitted on all"): (refitted(), REFITTED),
    ("walks standard", "rows as they are"): (unscaled, ("scaler-missing",)),
    ("walks minmax", "refitted on each window"): (refitted(1), REFITTED),
    ("stamps standard", "cast to float32 before scaling"): (early_float32, ROUNDED),
    ("skewed standard", "sent as float16"): (half, ROUNDED),
    ("walks minmax", "sent as float16"): (half, ROUNDED),
    ("weather standard", "stored as float16 before scaling"): (stored("float16"), ROUNDED),
    ("heavy robust", "refitted on all"): (refitted(), REFITTED),
    ("standard standard", "scaled twice"): (twice, ("scaler-applied-twice",)),
    ("walks standard", "one column refitted"): (one_column_refitted(1), REFITTED),
    ("weather both sides", "another range"): (another_kind(MinMaxScaler), FOREIGN),
    ("answers standard", "refitted on 10"): (refitted(10), REFITTED),
    ("doses normalizer", "rows as they are"): (unscaled, ("scaler-missing",)),
}
"""The served rows in place of the scaler's, by world and story, and the causes that name the mistake."""


def scaled_already(world: World, rows: Array) -> Array:
    """Return rows that have been through the scaler once."""
    return world.scaled(rows)


def without_logarithm(world: World, rows: Array) -> Array:
    """Scale with the last step of the pipeline only."""
    return world.transformed(world.fitted[-1], rows)


def stale(column: int, deviations: float, spread: float = 1.0) -> Any:
    """Create a scaler of rows with a different mean and spread in one column, as of an earlier year."""

    def fit(world: World) -> Any:
        earlier = world.training.copy()
        values = earlier[..., column]
        earlier[..., column] = values.mean() + (values - values.mean()) * spread + deviations * values.std()
        return world.fit(earlier)

    return fit


def pair_of_tables() -> Any:
    """Two inputs of five numbers each, joined."""
    left, right = keras.Input((5,), name="left"), keras.Input((5,), name="right")
    joined = layers.Concatenate()(
        [layers.Dense(24, activation="tanh")(left), layers.Dense(24, activation="tanh")(right)]
    )
    model = keras.Model({"left": left, "right": right}, layers.Dense(1, name="head")(joined))
    rows = people(np.random.default_rng(3), 500)
    return settle(
        model,
        {"left": StandardScaler().fit_transform(rows), "right": StandardScaler().fit_transform(rows[::-1])},
    )


def one_of_two_twice(folder: Path, random: np.random.Generator) -> tuple[str, ...]:
    """Serve the right input correctly, the left one scaled twice."""
    scaler = StandardScaler().fit(people(np.random.default_rng(3), 500))
    left, right = people(random, 60), scaler.transform(people(random, 60)).astype("float32")
    served = {"left": scaler.transform(scaler.transform(left)), "right": right}
    return lay_out(
        folder,
        data={"left": left, "right": right},
        scaler=pickle.dumps(scaler),
        served=served,
        facts={"scaler_input": "left"},
    )


def together(source: str, *, served: Rework | None = None) -> Any:
    """Both tables raw, a function that prepares them together, and rows served in place of its result."""

    def write(folder: Path, random: np.random.Generator) -> tuple[str, ...]:
        known = people(np.random.default_rng(3), 500)
        module = source.format(mean=known.mean(axis=0).tolist(), scale=known.std(axis=0).tolist())
        rows = {"left": people(random, 60), "right": people(random, 60)}
        fed = (
            {name: served(WORLDS["people standard"], values) for name, values in rows.items()}
            if served
            else None
        )
        return lay_out(folder, data=rows, preprocess=module, served=fed)

    return write


def _together(story: str, failing: tuple[str, ...], causes: tuple[str, ...], kit: Any) -> Case:
    return Case(
        name=f"two tables prepared together, {story}",
        family=FAMILY,
        build=pair_of_tables,
        kit=kit,
        failing=failing,
        causes=causes,
    )


def _state(
    world: str,
    data: Rework,
    causes: tuple[str, ...],
    story: str,
    *,
    said: str = "raw",
    reference: bool = False,
) -> Case:
    kit = Kit(
        world=WORLDS[world],
        data=data,
        facts={"data_state": said} if said != "raw" else {},
        reference=as_is if reference else None,
    )
    return _case(f"{world}, {story}, said to be {said}", kit, ("KC303",), causes)


def _fit(
    world: str,
    story: str,
    *,
    failing: tuple[str, ...] = (),
    warning: tuple[str, ...] = (),
    causes: tuple[str, ...] = (),
    **kit: Any,
) -> Case:
    return _case(f"{world}, {story}", Kit(world=WORLDS[world], **kit), failing, causes, warning)


STALE = ("scaler-stale",)
PREPROCESSED: Mapping[str, tuple[Rework, tuple[str, ...]]] = {
    "rows as they are": (unscaled, ("scaler-missing",)),
    "scaler of another split": (another_split, FOREIGN),
}

CASES: tuple[Case, ...] = (
    *(
        _case(
            f"{world}, served {story}",
            Kit(world=WORLDS[world], served=mistake),
            ("KC305",) if causes == ROUNDED else ("KC301",),
            causes,
        )
        for (world, story), (mistake, causes) in SERVED.items()
    ),
    _fit(
        "people standard",
        "served refitted on all of many",
        failing=("KC301",),
        causes=REFITTED,
        served=refitted(),
        rows=3000,
    ),
    _fit(
        "weather standard",
        "served refitted on all of six",
        failing=("KC301",),
        causes=REFITTED,
        served=refitted(),
        rows=6,
    ),
    Case(
        name="two tables, the left one served twice scaled",
        family=FAMILY,
        build=pair_of_tables,
        kit=one_of_two_twice,
        failing=("KC301", "KC303"),
        causes=("scaler-applied-twice",),
    ),
    _together(
        "by their own means", ("KC302",), ("preprocess-row-dependence",), together(TOGETHER["by the batch"])
    ),
    _together("the dict changed in place", ("KC402",), ("input-mutated",), together(TOGETHER["in place"])),
    _together(
        "served as they are",
        ("KC301",),
        ("scaler-missing",),
        together(TOGETHER["constants"], served=unscaled),
    ),
    _state("people standard", scaled_already, ("scaler-applied-twice",), "scaled already"),
    _state("weather maxabs", scaled_already, ("scaler-applied-twice",), "scaled already", reference=True),
    _state("walks standard", scaled_already, ("scaler-applied-twice",), "scaled already"),
    *(
        Case(
            name=f"{world}, scaled already, said to be raw",
            family=FAMILY,
            build=WORLDS[world].model,
            kit=Kit(world=WORLDS[world], data=scaled_already),
            failing=("KC303",),
            causes=("scaler-applied-twice",),
        )
        for world in ("skewed logged", "ratios logged")
    ),
    _state("people minmax", as_is, ("scaler-missing",), "never scaled", said="scaled"),
    _state("walks minmax", as_is, ("scaler-missing",), "never scaled", said="scaled"),
    _state("weather robust", twice, ("scaler-applied-twice",), "scaled twice", said="scaled"),
    _state(
        "weather standard", one_column(rightly, 1), ("scaler-applied-twice",), "one column scaled already"
    ),
    _fit(
        "people named",
        "a table with its columns in another order",
        failing=("KC304",),
        causes=("feature-order",),
        columns=PEOPLE[::-1],
    ),
    _fit(
        "people named",
        "columns named in another order",
        failing=("KC304",),
        causes=("feature-order",),
        facts={"feature_names": [*PEOPLE[1:], PEOPLE[0]]},
    ),
    _fit(
        "weather standard",
        "scaler of an earlier year",
        warning=("KC304",),
        causes=STALE,
        reference=as_is,
        scaler=stale(1, 1.5),
        rows=200,
    ),
    _fit(
        "people standard",
        "scaler off by 0.3 in one column",
        warning=("KC304",),
        causes=STALE,
        reference=as_is,
        scaler=stale(0, 0.3),
        rows=200,
    ),
    _fit(
        "walks standard",
        "scaler of a wider year",
        warning=("KC304",),
        causes=STALE,
        reference=as_is,
        scaler=stale(2, 0.0, 2.5),
        rows=120,
    ),
    _fit(
        "weather robust",
        "scaler of other units",
        warning=("KC304",),
        causes=STALE,
        reference=as_is,
        scaler=stale(0, 2.5, 1.8),
        rows=120,
    ),
    _fit(
        "weather standard",
        "scaler of another scikit-learn",
        warning=("KC304",),
        causes=("scaler-version",),
        other_version=True,
    ),
    _fit(
        "skewed logged",
        "served without the logarithm",
        failing=("KC301",),
        causes=("scaling-step-skipped",),
        served=without_logarithm,
    ),
    *(
        _fit(
            "people standard",
            f"serving {story}",
            failing=("KC302",),
            causes=("preprocess-row-dependence",),
            preprocess=source,
        )
        for story, source in MISTAKEN.items()
    ),
    *(
        _fit(
            "people standard",
            f"serving {story}",
            failing=("KC302",),
            causes=("preprocess-unrepeatable",),
            preprocess=source,
        )
        for story, source in UNSTEADY.items()
    ),
    *(
        _fit(
            f"{world} standard",
            f"preprocessed, served {story}",
            failing=("KC301",),
            causes=causes,
            preprocess=SOUND["constants"],
            served=mistake,
        )
        for world, (story, (mistake, causes)) in zip(("people", "weather"), PREPROCESSED.items(), strict=True)
    ),
    *(
        _fit(
            "people standard",
            f"serving changed {story}",
            failing=("KC402",),
            causes=("input-mutated",),
            preprocess=source,
            rows=48,
        )
        for story, source in MUTATING.items()
    ),
)
