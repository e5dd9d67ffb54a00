"""Types of the settings: validated values and the groups of options that have several keys."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    StrictBool,
    StrictInt,
    StrictStr,
    Tag,
)

from keras_consistency_cli.config.remote.urls import RemotePath, parse_url
from keras_consistency_cli.config.report_targets import parse_destination
from keras_consistency_cli.measurement.policy import UserLimit

__all__ = [
    "TAG",
    "Backend",
    "BatchSizeOptions",
    "CheckOptions",
    "Count",
    "DriftOptions",
    "FilePath",
    "InputPath",
    "Options",
    "OwnerFacts",
    "Padding",
    "PositiveNumber",
    "ReportForms",
    "StatedLimit",
    "Tolerance",
    "Trust",
    "Window",
    "Word",
]

TAG = "\0"
"""First character of the names of union branches, which is in no ordinary key of a file."""


def _check_path(value: object) -> object:
    """Refuse paths that no system call accepts; the loaders report which files exist."""
    if not isinstance(value, str | Path) or not str(value) or b"\0" in os.fsencode(value):
        raise ValueError("not a path")
    return value


def _check_input(value: object) -> object:
    """Read a URL as a file that is copied before it is opened."""
    url = parse_url(str(value)) if isinstance(value, str | RemotePath) else None
    return _check_path(url or value)


def _check_form(word: str) -> str:
    parse_destination(word)
    return word


def _as_tuple(value: object) -> object:
    return (value,) if isinstance(value, str) else value


def _as_word(value: object) -> object:
    """Write a whole number of a YAML file as a word."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _check_not_empty(words: tuple[str, ...]) -> tuple[str, ...]:
    if not words:
        raise ValueError("none")
    return words


def _tolerance_form(value: object) -> str:
    """Distinguish {rtol, atol} from limits by output name; an output may itself be called rtol."""
    if isinstance(value, StatedLimit) or (
        isinstance(value, Mapping)
        and any(key in value and not _is_limit(value[key]) for key in ("rtol", "atol"))
    ):
        return f"{TAG}limit"
    return f"{TAG}outputs" if isinstance(value, Mapping) else f"{TAG}word"


def _is_limit(value: object) -> bool:
    return isinstance(value, StatedLimit | Mapping)


FilePath = Annotated[Path, BeforeValidator(_check_path)]
InputPath = Annotated[Path, BeforeValidator(_check_input)]
"""The path of a file, or a URL."""
Backend = Literal["tensorflow", "jax", "torch"]
"""A backend of Keras that computes with NumPy arrays on every platform."""
Count = Annotated[StrictInt, Field(ge=1, le=2**31 - 1)]
_Form = Annotated[StrictStr, AfterValidator(_check_form)]
_Amount = Annotated[float, Field(strict=True, ge=0, allow_inf_nan=False)]
Word = Annotated[StrictStr, Field(min_length=1)]
Window = Annotated[StrictStr, Field(pattern=r"^[1-9]\d{0,6}(,[1-9]\d{0,6})?$"), BeforeValidator(_as_word)]
_Finite = Annotated[float, Field(strict=True, allow_inf_nan=False)]
PositiveNumber = Annotated[float, Field(strict=True, gt=0, allow_inf_nan=False)]
ReportForms = Annotated[tuple[_Form, ...], BeforeValidator(_as_tuple), AfterValidator(_check_not_empty)]


def _check_ascending(value: tuple[float, float]) -> tuple[float, float]:
    if value[0] >= value[1]:
        raise ValueError("not ascending")
    return value


class Options(BaseModel):
    """A frozen group of options that refuses unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class StatedLimit(Options):
    """A limit the user states: |a - b| ≤ atol + rtol · |b|."""

    rtol: _Amount = Field(description="a finite number of at least 0")
    atol: _Amount = Field(description="a finite number of at least 0")

    def stated(self) -> UserLimit:
        """Return the limit in the type of the comparison."""
        return UserLimit(rtol=self.rtol, atol=self.atol)


Tolerance = Annotated[
    Annotated[Literal["calibrated", "exact"], Tag(f"{TAG}word")]
    | Annotated[StatedLimit, Tag(f"{TAG}limit")]
    | Annotated[Mapping[Word, StatedLimit], Field(min_length=1), Tag(f"{TAG}outputs")],
    Discriminator(_tolerance_form),
]


class Trust(Options):
    """Code that may run although it comes from a file: a pickled scaler, the code of a model."""

    scaler: StrictBool = Field(default=False, description="true or false")
    code: StrictBool = Field(default=False, description="true or false")


class Padding(Options):
    """How rows shorter than the time axis are padded."""

    value: _Finite = Field(default=0.0, description="the padding value, a number")
    side: Literal["left", "right"] = Field(default="right", description="left or right")


class OwnerFacts(Options):
    """Facts that only the owner of the data knows."""

    time_axis: Annotated[StrictInt, Field(ge=1, le=8)] | None = Field(
        default=None, description="the axis of data that is time, 1 or more"
    )
    padding: Padding | None = Field(default=None, description="a mapping such as {value: 0.0, side: right}")
    lengths: FilePath | None = Field(
        default=None, description="a path to a .npy file with the true length of each row"
    )
    variable_length: StrictBool = Field(default=False, description="true or false")
    step_by_step: Literal["one-step", "growing-prefix", "sliding-window"] | None = Field(
        default=None, description="one-step, growing-prefix or sliding-window"
    )
    low_precision: Literal["reported", "accepted"] = Field(
        default="reported", description="reported or accepted"
    )
    stateful_rows: Literal["independent", "consecutive", "interleaved"] = Field(
        default="independent", description="independent, consecutive or interleaved"
    )
    data_state: Literal["raw", "scaled"] = Field(default="raw", description="raw or scaled")
    scaler_input: Word | None = Field(
        default=None,
        description="the input that scaler or preprocess belongs to; * for a preprocess of all inputs",
    )
    feature_names: Annotated[tuple[Word, ...], Field(min_length=1)] | None = Field(
        default=None, description="a list of names, one for each feature"
    )
    value_range: Annotated[tuple[_Finite, _Finite], AfterValidator(_check_ascending)] | None = Field(
        default=None, description="two numbers such as [0, 255], the smaller one first"
    )

    @property
    def states_time(self) -> bool:
        """Whether these facts say that axis 1 is time."""
        stated = (self.time_axis, self.padding, self.lengths, self.step_by_step)
        is_stated = self.variable_length or any(fact is not None for fact in stated)
        return is_stated and self.time_axis in (None, 1)


class BatchSizeOptions(Options):
    """Options of the check batch-size; all rows in one batch and a short last batch are always tried."""

    sizes: Annotated[tuple[Count, ...], Field(min_length=1, max_length=32)] = Field(
        default=(1, 2, 3, 7, 32), description="a list of 1 to 32 whole numbers of at least 1"
    )


class DriftOptions(Options):
    """Limits of the check distribution-shift: effect sizes, and the status if one is exceeded."""

    effect: _Amount = Field(
        default=0.5, description="a shift in standard deviations, a finite number of at least 0"
    )
    outside: Annotated[float, Field(strict=True, ge=0, le=1)] = Field(
        default=0.05, description="a share of rows from 0 to 1"
    )
    severity: Literal["warn", "fail"] = Field(default="warn", description="warn or fail")


class CheckOptions(Options):
    """Options of single checks, by check name."""

    batch_size: BatchSizeOptions = Field(
        default=BatchSizeOptions(), alias="batch-size", description="a mapping such as {sizes: [1, 2, 3]}"
    )
    distribution_shift: DriftOptions = Field(
        default=DriftOptions(),
        alias="distribution-shift",
        description="a mapping such as {effect: 0.5, outside: 0.05, severity: warn}",
    )
