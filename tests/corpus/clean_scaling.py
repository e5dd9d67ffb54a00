"""Clean pipelines that look like faults: standardised raw rows, few rows, rare categories."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers
from sklearn.preprocessing import StandardScaler

from tests.corpus.cases import Case, Maker, Writer
from tests.corpus.faults_normalization import beside, pictures
from tests.corpus.faults_scaling import pair_of_tables, scaled_already, together
from tests.corpus.kits import Kit, as_is, lay_out
from tests.corpus.mistakes import by_hand, early_float32, rightly, rightly_float32, rounded
from tests.corpus.normalised import PEOPLE as KNOWN_PEOPLE
from tests.corpus.normalised import (
    WALKS,
    WEATHER,
    branches,
    branches_rows,
    dense,
    drawn,
    inner,
    plain_pictures,
    rescaling_pictures,
    series,
)
from tests.corpus.sources import SOUND, TOGETHER
from tests.corpus.worlds import PEOPLE, WORLDS, Array, World, orders, people, settle, standard, walks, weather

__all__ = ["CASES", "RIGHTLY_SERVED"]

FAMILY = "clean-scaling"
QUIET = ("KC302", "KC303", "KC304", "KC401", "KC402", "KC701", "KC702")
"""Nothing to warn about; KC301, KC305 and KC403 report the effect of a possible mistake, which clean
pipelines have too. If rows are served correctly, KC305 passes."""


def _case(story: str, world: str, **kit: Any) -> Case:
    chosen = WORLDS[world]
    return Case(
        name=f"{world}, {story}", family=FAMILY, build=chosen.model, kit=Kit(world=chosen, **kit), quiet=QUIET
    )


def _model(name: str, build: Callable[[], Any], data: Maker | None = None, kit: Writer | None = None) -> Case:
    return Case(name=name, family=FAMILY, build=build, data=data, kit=kit, quiet=QUIET)


def two_tables(folder: Path, random: np.random.Generator) -> tuple[str, ...]:
    """The left table raw with its scaler, the right one as the model takes it, both served correctly."""
    scaler = StandardScaler().fit(people(np.random.default_rng(3), 500))
    left, right = people(random, 60), scaler.transform(people(random, 60)).astype("float32")
    served = {"left": scaler.transform(left), "right": right}
    return lay_out(
        folder,
        data={"left": left, "right": right},
        scaler=pickle.dumps(scaler),
        served=served,
        facts={"scaler_input": "left"},
    )


def scaled_people() -> np.ndarray:
    """People as a scaler gives them, with mean 0 and deviation 1."""
    return np.asarray(StandardScaler().fit_transform(KNOWN_PEOPLE), dtype="float32")


def normalised_again(folder: Path, random: np.random.Generator) -> tuple[str, ...]:
    """A scaler before a model whose Normalization was adapted on its output, as it should be."""
    return lay_out(
        folder,
        data=people(random, 70),
        scaler=pickle.dumps(StandardScaler().fit(KNOWN_PEOPLE.astype("float64"))),
    )


def filled_by_hand(world: World, rows: Array) -> Array:
    """Fill missing values as the imputer would, and scale: the result is the same."""
    imputer, scaler = (step for _, step in world.fitted.steps)
    return np.asarray(scaler.transform(np.where(np.isnan(rows), imputer.statistics_, rows)))


def median_in_gaps(world: World, rows: Array) -> Array:
    """Fill missing values with the imputer's numbers before the rows reach it."""
    return np.where(np.isnan(rows), world.fitted[0].statistics_, rows)


def stated() -> Any:
    """Normalization created with mean 0 and variance 1, for rows that have them."""
    parts = [
        layers.Normalization(mean=0.0, variance=1.0),
        layers.Dense(24, activation="tanh"),
        layers.Dense(2, name="head"),
    ]
    return settle(keras.Sequential([keras.Input((6,)), *parts]), drawn(standard))


RIGHTLY_SERVED = (
    "people standard",
    "people mixed",
    "weather robust",
    "walks standard",
    "skewed power",
    "doses normalizer",
    "stamps standard",
)

CASES: tuple[Case, ...] = (
    *(
        replace(_case("served rightly", world, served=rightly), quiet=(*QUIET, "KC305"))
        for world in RIGHTLY_SERVED
    ),
    _case("served rightly and cast", "people minmax", served=rightly_float32, reference=as_is, rows=150),
    _case("served rightly and cast", "weather maxabs", served=rightly_float32),
    *(_case("served by hand", world, served=by_hand) for world in ("people standard", "weather constant")),
    *(
        _case("served with eight decimals", world, served=rounded(8))
        for world in ("people standard", "walks minmax")
    ),
    *(
        _case("cast to float32 before scaling without harm", world, served=early_float32)
        for world in ("people standard", "shares minmax")
    ),
    _case("by nature", "standard standard", reference=as_is),
    _case("by nature", "shares minmax"),
    _case("five rows", "weather standard", rows=5, reference=as_is),
    _case("three rows", "people minmax", rows=3),
    _case("two rows", "skewed quantile", rows=2),
    _case("a column that never changes", "weather constant", reference=as_is),
    _case("long tails", "skewed standard", reference=as_is, rows=300),
    _case("long tails, no reference", "skewed standard", rows=300),
    _case("rare categories", "kinds standard", reference=as_is, rows=200),
    _case("rare categories", "kinds minmax", rows=120),
    _case("logarithms first", "skewed logged", reference=as_is),
    _case("logarithms first, no reference", "skewed logged"),
    _case("logarithms first, no reference", "ratios logged"),
    _case("logarithms first, served rightly", "skewed logged", served=rightly),
    _case("normal quantiles", "skewed quantile", reference=as_is, rows=250),
    _case("tails without end", "heavy robust", reference=as_is, rows=120),
    _case("a short reference", "heavy robust", reference=lambda world, rows: rows[:25], rows=25),
    _case("a short reference", "weather both sides", reference=lambda world, rows: rows[:20], rows=90),
    _case("ten answers", "answers standard", reference=as_is, rows=10),
    _case("many answers", "answers standard", rows=200),
    _case("missing numbers that are filled", "people gappy", reference=as_is),
    _case("missing numbers that are filled and served", "people gappy", served=rightly),
    _case("missing numbers that serving fills as the pipeline does", "people gappy", served=filled_by_hand),
    _case(
        "missing numbers filled on the way as the pipeline does",
        "people gappy",
        data=median_in_gaps,
        reference=as_is,
        rows=250,
    ),
    _case("windows", "walks minmax", reference=as_is, rows=120),
    _case(
        "scaled already and said so", "people standard", data=scaled_already, facts={"data_state": "scaled"}
    ),
    _case(
        "scaled already and said so", "weather maxabs", data=scaled_already, facts={"data_state": "scaled"}
    ),
    _case(
        "scaled already and said so, the reference raw",
        "people standard",
        data=scaled_already,
        facts={"data_state": "scaled"},
        reference=as_is,
    ),
    _case(
        "scaled already, the reference too",
        "weather maxabs",
        data=scaled_already,
        facts={"data_state": "scaled"},
        reference=scaled_already,
    ),
    _case("a table in order", "people named", columns=PEOPLE),
    _case("columns named in order", "people named", facts={"feature_names": list(PEOPLE)}, reference=as_is),
    *(
        _case(f"serving with {story}", "people standard", preprocess=source, reference=as_is)
        for story, source in SOUND.items()
    ),
    _model("two tables, one of them scaled", pair_of_tables, kit=two_tables),
    *(
        _model(f"two tables prepared together by {story}", pair_of_tables, kit=together(TOGETHER[story]))
        for story in ("constants", "a list")
    ),
    _model("normalization of scaled rows", lambda: dense(scaled_people()), kit=normalised_again),
    _model(
        "normalization adapted",
        lambda: dense(WEATHER),
        lambda random: drawn(weather, 80, int(random.integers(99))),
    ),
    _model(
        "normalization adapted on whole numbers",
        lambda: dense(drawn(orders)),
        lambda random: drawn(orders, 80, int(random.integers(99))),
    ),
    _model(
        "normalization of standard rows",
        lambda: dense(drawn(standard)),
        lambda random: drawn(standard, 80, int(random.integers(99))),
    ),
    _model(
        "normalization with stated numbers", stated, lambda random: standard(random, 90).astype("float32")
    ),
    _model(
        "normalization inside",
        lambda: inner(KNOWN_PEOPLE),
        kit=beside(lambda random: drawn(people, 90, 5), reference=KNOWN_PEOPLE),
    ),
    _model(
        "normalization over time",
        lambda: series(WALKS),
        lambda random: drawn(walks, 50, int(random.integers(99))),
    ),
    _model("two normalizations", branches, lambda random: branches_rows(21, 60)),
    _model("rescaling of pixels", rescaling_pictures, pictures()),
    _model("rescaling of whole pixels", rescaling_pictures, pictures(dtype="uint8")),
    _model("rescaling of dark pictures", rescaling_pictures, pictures(brightest=40)),
    _model("rescaling of pixels to -1", lambda: rescaling_pictures(1 / 127.5, -1.0), pictures()),
    _model(
        "pictures from 0 to 1",
        plain_pictures,
        kit=beside(pictures(255.0), reference=pictures(255.0)(np.random.default_rng(2))),
    ),
    _model(
        "pixels as they are",
        lambda: plain_pictures(1.0),
        kit=beside(pictures(), facts={"value_range": [0, 255]}),
    ),
)
