"""Clean cases that look like faults of series: masks, drifted sensors, decoders, windows."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

from tests.corpus.cases import Case, steps
from tests.corpus.faults_sequences import CONSECUTIVE, PREFIX, with_files
from tests.corpus.faults_series import WINDOWS, filming, masked, sensing
from tests.corpus.series import flow, known_lengths, padded, pictured, sensors, translator

__all__ = ["CASES"]

FAMILY = "clean-steps"


def tcn() -> Any:
    """Causal convolutions that see seven time steps back, with an output for each time step."""
    parts = [layers.Conv1D(6, 3, padding="causal", dilation_rate=rate, activation="relu") for rate in (1, 2)]
    return keras.Sequential([keras.Input((None, 3)), *parts, layers.Dense(2)])


def watched_film() -> Any:
    """A convolutional LSTM that carries its state from part to part."""
    film = keras.Input((3, 8, 8, 1), batch_size=1)
    return keras.Model(film, layers.GlobalAveragePooling2D()(layers.ConvLSTM2D(3, 3, stateful=True)(film)))


def _clean(name: str, build: Any, kit: Any, *quiet: str) -> Case:
    return Case(name=name, family=FAMILY, build=build, kit=kit, quiet=quiet)


CASES: tuple[Case, ...] = (
    _clean("known lengths, masked", masked, known_lengths(padded(9, 3)), "KC504"),
    _clean("known lengths, masked, padded left", masked, known_lengths(padded(9, 3, side="left")), "KC504"),
    _clean("known lengths, one batch size", lambda: masked(batch=8), known_lengths(padded(9, 3)), "KC504"),
    _clean("known lengths of one length", lambda: masked(length=9), known_lengths(padded(9, 3)), "KC504"),
    _clean("known lengths for causal convolutions", tcn, known_lengths(padded(9, 3)), "KC504"),
    _clean("sensors like their reference", sensing, with_files(sensors(60), reference=sensors(200)), "KC501"),
    Case(  # no columns in each other's place, but a drift
        name="sensors that drifted together",
        family="drift",
        build=sensing,
        kit=with_files(sensors(60, drift=1.5), reference=sensors(200)),
        warning=("KC702",),
        causes=("distribution-shift",),
        quiet=("KC501",),
    ),
    _clean("prefixes for a decoder with a source", translator, with_files(pictured, facts=PREFIX), "KC503"),
    _clean(
        "prefixes for a decoder that looks back",
        lambda: translator(attention=True),
        with_files(pictured, facts=PREFIX),
        "KC503",
    ),
    _clean("windows for causal convolutions", tcn, with_files(steps(24, 3), facts=WINDOWS), "KC503"),
    _clean("prefixes of films", filming, with_files(flow(5), facts=PREFIX), "KC503"),
    _clean("films that go on, carried over", watched_film, with_files(flow(3), facts=CONSECUTIVE), "KC502"),
)
