"""Settings: everything the user may choose, validated once. Defaults < YAML < environment < flags.

`Settings` says what is allowed; sources.py reads what was given and remembers where, complaints.py puts what does not fit into words.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

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
    ValidationError,
    model_validator,
)

from keras_consistency_cli.config.report_targets import FORMATS, Destination, destination, destinations
from keras_consistency_cli.config.sources import Found, LayeredSettings, gather
from keras_consistency_cli.config.validation_errors import complaint
from keras_consistency_cli.errors import UsageError
from keras_consistency_cli.measurement.policy import Policy, Stated

__all__ = [
    "BatchSizeOptions",
    "CheckOptions",
    "DriftOptions",
    "OwnerFacts",
    "Padding",
    "Settings",
    "StatedLimit",
    "Trust",
    "load_settings",
    "stated_settings",
]


def _openable(value: object) -> object:
    """Refuse paths that no system call would take; which of them exist is for the loaders to say."""
    if not isinstance(value, str | Path) or not str(value) or b"\0" in os.fsencode(value):
        raise ValueError("not a path")
    return value


def _known_form(word: str) -> str:
    destination(word)
    return word


def _one_or_many(value: object) -> object:
    return (value,) if isinstance(value, str) else value


def _at_least_one(words: tuple[str, ...]) -> tuple[str, ...]:
    if not words:
        raise ValueError("none")
    return words


def _tolerance_form(value: object) -> str:
    """Tell {rtol, atol} from limits by output name; an output may itself be called rtol."""
    if isinstance(value, StatedLimit) or (
        isinstance(value, Mapping)
        and any(key in value and not _is_limit(value[key]) for key in ("rtol", "atol"))
    ):
        return "<limit>"
    return "<outputs>" if isinstance(value, Mapping) else "<word>"


def _is_limit(value: object) -> bool:
    return isinstance(value, StatedLimit | Mapping)


_Path = Annotated[Path, BeforeValidator(_openable)]
_Count = Annotated[StrictInt, Field(ge=1, le=2**31 - 1)]
_Form = Annotated[StrictStr, AfterValidator(_known_form)]
_Amount = Annotated[float, Field(strict=True, ge=0, allow_inf_nan=False)]
_Word = Annotated[StrictStr, Field(min_length=1)]
_Finite = Annotated[float, Field(strict=True, allow_inf_nan=False)]
_TABLE = ".npy, .npz, .csv or .parquet"


def _ascending(value: tuple[float, float]) -> tuple[float, float]:
    if value[0] >= value[1]:
        raise ValueError("not ascending")
    return value


class _Options(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class StatedLimit(_Options):
    """A limit the user states: |a - b| ≤ atol + rtol · |b|."""

    rtol: _Amount = Field(description="a finite number of at least 0")
    atol: _Amount = Field(description="a finite number of at least 0")

    def stated(self) -> Stated:
        """Return it as the comparison takes it."""
        return Stated(rtol=self.rtol, atol=self.atol)


_Tolerance = Annotated[
    Annotated[Literal["calibrated", "exact"], Tag("<word>")]
    | Annotated[StatedLimit, Tag("<limit>")]
    | Annotated[Mapping[_Word, StatedLimit], Field(min_length=1), Tag("<outputs>")],
    Discriminator(_tolerance_form),
]


class Trust(_Options):
    """What may run although it comes from a file: a pickled scaler, a model's own code."""

    scaler: StrictBool = Field(default=False, description="true or false")
    code: StrictBool = Field(default=False, description="true or false")


class Padding(_Options):
    """How rows that are shorter than the time axis are filled up."""

    value: _Finite = Field(default=0.0, description="the number that fills")
    side: Literal["left", "right"] = Field(default="right", description="left or right")


class OwnerFacts(_Options):
    """What only the owner of the data can know."""

    time_axis: Annotated[StrictInt, Field(ge=1, le=8)] | None = Field(
        default=None, description="the axis of data that is time, 1 or more"
    )
    padding: Padding | None = Field(default=None, description="a mapping such as {value: 0.0, side: right}")
    lengths: _Path | None = Field(
        default=None, description="a path to a .npy file with the true length of each row"
    )
    variable_length: StrictBool = Field(default=False, description="true or false")
    step_by_step: Literal["one-step", "growing-prefix", "sliding-window"] | None = Field(
        default=None, description="one-step, growing-prefix or sliding-window"
    )
    stateful_rows: Literal["independent", "consecutive"] = Field(
        default="independent", description="independent or consecutive"
    )
    data_state: Literal["raw", "scaled"] = Field(default="raw", description="raw or scaled")
    scaler_input: _Word | None = Field(
        default=None,
        description="the input that scaler or preprocess belongs to; * for a preprocess of all inputs",
    )
    feature_names: Annotated[tuple[_Word, ...], Field(min_length=1)] | None = Field(
        default=None, description="a list of names, one for each feature"
    )
    value_range: Annotated[tuple[_Finite, _Finite], AfterValidator(_ascending)] | None = Field(
        default=None, description="two numbers such as [0, 255], the smaller one first"
    )


class BatchSizeOptions(_Options):
    """Options of the check batch-size; the whole data and a short last batch are always among its sizes."""

    sizes: Annotated[tuple[_Count, ...], Field(min_length=1, max_length=32)] = Field(
        default=(1, 2, 3, 7, 32), description="a list of 1 to 32 whole numbers of at least 1"
    )


class DriftOptions(_Options):
    """Limits of the check distribution-shift: effect sizes, and what going beyond them means."""

    effect: _Amount = Field(
        default=0.5, description="a shift in standard deviations, a finite number of at least 0"
    )
    outside: Annotated[float, Field(strict=True, ge=0, le=1)] = Field(
        default=0.05, description="a share of rows from 0 to 1"
    )
    severity: Literal["warn", "fail"] = Field(default="warn", description="warn or fail")


class CheckOptions(_Options):
    """Options of single checks, by check name."""

    batch_size: BatchSizeOptions = Field(
        default=BatchSizeOptions(), alias="batch-size", description="a mapping such as {sizes: [1, 2, 3]}"
    )
    distribution_shift: DriftOptions = Field(
        default=DriftOptions(),
        alias="distribution-shift",
        description="a mapping such as {effect: 0.5, outside: 0.05, severity: warn}",
    )


class Settings(_Options):
    """One run of kcheck. Each description is what a message calls the expected value."""

    model: _Path = Field(description="a path to a .keras file")
    data: _Path | None = Field(default=None, description=f"a path to a {_TABLE} file")
    scaler: _Path | None = Field(default=None, description="a path to a saved scaler")
    preprocess: _Word | None = Field(default=None, description="module:function, or file.py:function")
    reference: _Path | None = Field(default=None, description=f"a path to a {_TABLE} file")
    served: _Path | None = Field(default=None, description=f"a path to a {_TABLE} file")
    expected: _Path | None = Field(default=None, description=f"a path to a {_TABLE} file")
    target_scaler: _Path | None = Field(default=None, description="a path to a saved scaler")
    custom_objects: tuple[_Path, ...] = Field(default=(), description="a list of paths to Python files")
    rows: _Count | Literal["all"] = Field(default=256, description="a whole number of at least 1, or all")
    batch_size: _Count = Field(default=32, description="a whole number of at least 1")
    seed: Annotated[StrictInt, Field(ge=0, lt=2**32)] = Field(
        default=0, description="a whole number from 0 to 4294967295"
    )
    select: tuple[_Word, ...] = Field(
        default=(), description="a list of check codes, beginnings of codes or names"
    )
    ignore: tuple[_Word, ...] = Field(
        default=(), description="a list of check codes, beginnings of codes or names"
    )
    require: tuple[_Word, ...] = Field(
        default=(), description="a list of check codes, beginnings of codes or names"
    )
    exit_first: StrictBool = Field(default=False, description="true or false")
    backend: Literal["tensorflow", "jax", "torch"] = Field(
        default="tensorflow", description="tensorflow, jax or torch"
    )
    format: Annotated[tuple[_Form, ...], BeforeValidator(_one_or_many), AfterValidator(_at_least_one)] = (
        Field(
            default=("terminal",),
            description=f"{', '.join(FORMATS[:-1])} or {FORMATS[-1]}, each with =FILE if it goes to a file",
        )
    )
    output: _Path | None = Field(default=None, description="a path to write the report to")
    bundle: _Path | None = Field(default=None, description="a path to a folder to write a bundle into")
    fail_on: Literal["fail", "warn"] = Field(default="fail", description="fail or warn")
    exit_zero: StrictBool = Field(default=False, description="true or false")
    tolerance: _Tolerance = Field(
        default="calibrated",
        description="calibrated, exact, {rtol: 1e-5, atol: 1e-6}, or such a pair for each output name",
    )
    trust: Trust = Field(default=Trust(), description="a mapping with scaler and code")
    timeout: Annotated[float, Field(strict=True, gt=0, allow_inf_nan=False)] = Field(
        default=600.0, description="a number of seconds above 0"
    )
    total_timeout: Annotated[float, Field(strict=True, gt=0, allow_inf_nan=False)] | None = Field(
        default=None, description="a number of seconds above 0"
    )
    memory_limit: Annotated[float, Field(strict=True, gt=0, allow_inf_nan=False)] | None = Field(
        default=None, description="a number of GiB above 0"
    )
    isolation: Literal["auto", "off"] = Field(default="auto", description="auto or off")
    facts: OwnerFacts = Field(
        default=OwnerFacts(), description="a mapping such as {stateful_rows: independent}"
    )
    checks: CheckOptions = Field(default=CheckOptions(), description="a mapping from check name to options")
    debug: StrictBool = Field(default=False, description="true or false")
    quiet: StrictBool = Field(default=False, description="true or false")
    verbose: StrictBool = Field(default=False, description="true or false")
    color: Literal["auto", "always", "never"] = Field(default="auto", description="auto, always or never")

    @model_validator(mode="after")
    def _one_way_to_scale(self) -> Settings:
        if self.scaler is not None and self.preprocess is not None:
            raise UsageError(
                "--scaler and --preprocess exclude each other", fix="give the one that serving uses"
            )
        if self.quiet and self.verbose:
            raise UsageError("--quiet and --verbose exclude each other", fix="give one of them")
        if self.served is not None and self.data is None:
            raise UsageError(
                "--served is given without --data",
                fix="give the raw rows that the served ones were made of, row for row",
            )
        if self.expected is not None and self.data is None:
            raise UsageError(
                "--expected is given without --data",
                fix="give the rows that were answered when the answers were recorded",
            )
        if self.facts.lengths is not None and self.data is None:
            raise UsageError(
                "facts.lengths is given without data",
                fix="give the rows that have these lengths with --data",
            )
        return self

    @model_validator(mode="after")
    def _reports_apart(self) -> Settings:
        self.destinations()
        return self

    def destinations(self) -> tuple[Destination, ...]:
        """Return where the reports go."""
        return destinations(self.format, self.output)

    def batch_sizes(self) -> tuple[int, ...]:
        """Return the batch sizes to try beside the data as a whole and one row at a time."""
        return tuple(size for size in self.checks.batch_size.sizes if size > 1)

    def policy(self) -> Policy:
        """Return how limits are to be found."""
        if isinstance(self.tolerance, StatedLimit):
            return Policy(stated=self.tolerance.stated())
        if isinstance(self.tolerance, Mapping):
            return Policy(
                per_output=tuple((output, limit.stated()) for output, limit in self.tolerance.items())
            )
        return Policy(exact=self.tolerance == "exact")


def load_settings(
    flags: Mapping[str, Any], environ: Mapping[str, str], found: Found | None = None
) -> Settings:
    """Merge defaults, the YAML file, the environment and the flags, later ones winning.

    Args:
        flags: values by option name (`rows`, `trust_scaler`, `config`, ...); None, False and empty lists count as not given.
        environ: the environment; every KCHECK_* in it must be known.
        found: what was found in the working directory and beside the model, which counts least.

    Raises:
        UsageError: naming the source of each bad value, and the nearest known word for an unknown one.
    """
    return _validated(gather(flags, environ, found))


def stated_settings(
    flags: Mapping[str, Any], environ: Mapping[str, str], found: Found | None = None
) -> list[tuple[str, str, str]]:
    """Return every setting as (dotted name, value as JSON, where it comes from); refused like those of `load_settings`."""
    draft = gather(flags, environ, found)
    values = _validated(draft).model_dump(mode="json", by_alias=True)
    return [
        (".".join(path), json.dumps(value), draft.stated_at(path) or "default")
        for path, value in _leaves(values, ())
    ]


def _validated(draft: LayeredSettings) -> Settings:
    try:
        return Settings.model_validate(draft.values)
    except ValidationError as error:
        raise complaint(error, Settings, draft.origin) from None


def _leaves(values: Mapping[str, Any], above: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping) and name != "tolerance":
            yield from _leaves(value, (*above, name))
        else:
            yield (*above, name), value
