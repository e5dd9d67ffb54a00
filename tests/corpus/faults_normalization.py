"""Planted faults of normalising layers: unadapted, stale, or with normalised inputs."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from tests.corpus.cases import CUSTOM, Case, Maker, Rows, Writer
from tests.corpus.kits import lay_out
from tests.corpus.normalised import (
    PEOPLE,
    WALKS,
    WEATHER,
    adapted_on,
    branches,
    branches_rows,
    dense,
    drawn,
    forgetful,
    inner,
    pixels,
    plain_pictures,
    rescaling_pictures,
    series,
    unadapted,
)
from tests.corpus.worlds import orders, people, walks, weather

__all__ = ["CASES"]

FAMILY = "normalization"
TWICE, RANGE = ("normalized-twice", "input-range"), ("input-range", "normalized-twice")


def _of(table: Any, rows: int = 70) -> Maker:
    return lambda random: table(random, rows).astype("float32")


def _two(random: np.random.Generator) -> Rows:
    return branches_rows(int(random.integers(1000)), 60)


def beside(data: Maker, **more: Any) -> Writer:
    """Write these rows with scaler, preprocess, reference or facts."""
    return lambda folder, random: lay_out(folder, data=data(random), **more)


def pictures(divisor: float = 1.0, dtype: str = "float32", *, brightest: int = 255) -> Maker:
    """Pixels from 0 to 255, divided."""
    return lambda random: (pixels(60, int(random.integers(1000)), brightest=brightest) / divisor).astype(
        dtype
    )


def scaler_before(table: Any, kind: Any) -> Writer:
    """Raw rows with a scaler, although the model normalises raw rows itself."""

    def write(folder: Path, random: np.random.Generator) -> tuple[str, ...]:
        known = drawn(table)
        scaler = kind().fit(known.reshape(-1, known.shape[-1]))
        return lay_out(folder, data=table(random, 70), scaler=pickle.dumps(scaler))

    return write


def _case(
    name: str,
    build: Callable[[], Any],
    rows: Maker | None,
    failing: tuple[str, ...],
    causes: tuple[str, ...],
    *,
    layer: str | None = "normalise",
    kit: Writer | None = None,
    warning: tuple[str, ...] = (),
    args: tuple[str, ...] = (),
) -> Case:
    more: Mapping[str, Any] = {"layer": layer, "warning": warning, "args": args}
    return Case(
        name=name, family=FAMILY, build=build, data=rows, kit=kit, failing=failing, causes=causes, **more
    )


ORDERS = drawn(orders)
FRESH, STALE = ("normalization-unadapted",), ("normalization-stale",)
DIVIDED = "def prepare(rows):\n    return rows.astype('float32') / 255.0\n"

CASES: tuple[Case, ...] = (
    _case("normalization never adapted", lambda: dense(WEATHER, unadapted), _of(weather), ("KC401",), FRESH),
    _case(
        "normalization never adapted, inside",
        lambda: inner(PEOPLE, unadapted),
        _of(people),
        ("KC401",),
        FRESH,
        layer="before/normalise",
    ),
    _case(
        "normalization never adapted, over time",
        lambda: series(WALKS, unadapted),
        _of(walks),
        ("KC401",),
        FRESH,
    ),
    _case("normalization never adapted, one of two", lambda: branches(unadapted), _two, ("KC401",), FRESH),
    _case(
        "normalization adapted on one row",
        lambda: dense(PEOPLE, adapted_on(1)),
        _of(people),
        ("KC401",),
        (*FRESH, *STALE),
    ),
    _case(
        "normalization adapted on one row, one of two",
        lambda: branches(adapted_on(1)),
        _two,
        (),
        (),
        warning=("KC401", "KC702"),
    ),
    _case(
        "normalization adapted on three rows",
        lambda: dense(WEATHER, adapted_on(3)),
        _of(weather, 200),
        (),
        (),
        warning=("KC401", "KC702"),
    ),
    _case(
        "normalization adapted on four whole rows",
        lambda: dense(ORDERS, adapted_on(4)),
        _of(orders, 200),
        (),
        FRESH,
        warning=("KC401",),
    ),
    _case(
        "normalization that forgets its weights",
        lambda: forgetful(WEATHER),
        _of(weather),
        ("KC401",),
        STALE,
        args=CUSTOM,
    ),
    _case(
        "normalised twice within",
        lambda: dense(WEATHER, again=True),
        _of(weather),
        ("KC402",),
        TWICE,
        layer=None,
    ),
    _case(
        "scaler and normalization",
        lambda: dense(PEOPLE),
        None,
        ("KC402",),
        TWICE,
        kit=scaler_before(people, StandardScaler),
    ),
    _case(
        "scaler and normalization inside",
        lambda: inner(WEATHER),
        None,
        ("KC402",),
        TWICE,
        layer=None,
        kit=scaler_before(weather, MinMaxScaler),
    ),
    _case(
        "scaler and normalization over time",
        lambda: series(WALKS),
        None,
        ("KC402",),
        TWICE,
        kit=scaler_before(walks, StandardScaler),
    ),
    _case(
        "rescaling of pictures from 0 to 1",
        rescaling_pictures,
        pictures(255.0),
        ("KC402",),
        RANGE,
        layer="rescale",
    ),
    _case(
        "rescaling to -1 of pictures from 0 to 1",
        lambda: rescaling_pictures(1 / 127.5, -1.0),
        pictures(255.0),
        ("KC402",),
        RANGE,
        layer="rescale",
    ),
    _case(
        "rescaled twice within",
        lambda: rescaling_pictures(again=True),
        pictures(),
        ("KC402",),
        TWICE,
        layer=None,
    ),
    _case(
        "divided before, rescaled within",
        rescaling_pictures,
        None,
        ("KC402",),
        RANGE,
        layer=None,
        kit=beside(pictures(), preprocess=DIVIDED),
    ),
    _case(
        "pixels into a model of 0 to 1, as its reference shows",
        plain_pictures,
        None,
        ("KC402",),
        RANGE,
        layer=None,
        kit=beside(pictures(), reference=pixels().astype("float32") / 255),
    ),
    _case(
        "pixels into a model of 0 to 1, as its owner says",
        plain_pictures,
        None,
        ("KC402",),
        RANGE,
        layer=None,
        kit=beside(pictures(), facts={"value_range": [0, 1]}),
    ),
    _case(
        "0 to 1 into a model of pixels, as its reference shows",
        lambda: plain_pictures(1.0),
        None,
        ("KC402",),
        RANGE,
        layer=None,
        kit=beside(pictures(255.0), reference=pixels().astype("float32")),
    ),
)
