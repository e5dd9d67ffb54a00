"""Settings: all options of a run, validated once. Later layers win: defaults, YAML file, environment, flags.

`Settings` defines the allowed values; sources.py reads the layers, validation_errors.py words the errors.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import Field, StrictBool, StrictInt, ValidationError, model_validator

from keras_consistency_cli.config.endpoints import Endpoints, endpoint_labels
from keras_consistency_cli.config.exports import ExportFiles, ExportName, labels
from keras_consistency_cli.config.layers import LayeredSettings
from keras_consistency_cli.config.recordings import with_recording
from keras_consistency_cli.config.report_targets import FORMATS, Destination, parse_destinations
from keras_consistency_cli.config.setting_types import (
    Backend,
    CheckOptions,
    Count,
    FilePath,
    InputPath,
    Options,
    OwnerFacts,
    PositiveNumber,
    ReportForms,
    StatedLimit,
    Tolerance,
    Trust,
    Window,
    Word,
)
from keras_consistency_cli.config.sources import DiscoveredConfig, read_layers
from keras_consistency_cli.config.strict_yaml import Document
from keras_consistency_cli.config.validation_errors import usage_error
from keras_consistency_cli.errors import UsageError
from keras_consistency_cli.measurement.policy import Policy

__all__ = ["Settings", "load_settings", "stated_settings"]

_TABLE = ".npy, .npz, .csv or .parquet"


class Settings(Options):
    """One run of kcheck. The description of a field is the expected value in error messages."""

    model: InputPath = Field(description="a path to a .keras file")
    data: InputPath | None = Field(default=None, description=f"a path to a {_TABLE} file")
    columns: tuple[Word, ...] = Field(default=(), description="a list of names of columns")
    drop: tuple[Word, ...] = Field(default=(), description="a list of names of columns")
    window: Window | None = Field(
        default=None, description="a number of time steps, or time steps and stride: 24 or 24,6"
    )
    scaler: InputPath | None = Field(default=None, description="a path to a saved scaler")
    preprocess: Word | None = Field(default=None, description="module:function, or file.py:function")
    reference: InputPath | None = Field(default=None, description=f"a path to a {_TABLE} file")
    served: InputPath | None = Field(default=None, description=f"a path to a {_TABLE} file")
    expected: InputPath | None = Field(default=None, description=f"a path to a {_TABLE} file")
    target_scaler: InputPath | None = Field(default=None, description="a path to a saved scaler")
    exports: ExportFiles = Field(default=(), description="a list of paths to exports of the model")
    try_export: tuple[ExportName, ...] = Field(
        default=(), description="a list of litert, onnx, tf_saved_model and openvino"
    )
    endpoints: Endpoints = Field(default=(), description="a list of URLs of services")
    endpoint_requests: Count = Field(default=200, description="a whole number of at least 1")
    custom_objects: tuple[FilePath, ...] = Field(default=(), description="a list of paths to Python files")
    rows: Count | Literal["all"] = Field(default=256, description="a whole number of at least 1, or all")
    batch_size: Count = Field(default=32, description="a whole number of at least 1")
    seed: Annotated[StrictInt, Field(ge=0, lt=2**32)] = Field(
        default=0, description="a whole number from 0 to 4294967295"
    )
    select: tuple[Word, ...] = Field(
        default=(), description="a list of check codes, beginnings of codes or names"
    )
    ignore: tuple[Word, ...] = Field(
        default=(), description="a list of check codes, beginnings of codes or names"
    )
    require: tuple[Word, ...] = Field(
        default=(), description="a list of check codes, beginnings of codes or names"
    )
    exit_first: StrictBool = Field(default=False, description="true or false")
    quick: StrictBool = Field(default=False, description="true or false")
    backend: Backend = Field(default="tensorflow", description="tensorflow, jax or torch")
    backends: tuple[Backend, ...] = Field(default=(), description="a list of tensorflow, jax and torch")
    format: ReportForms = Field(
        default=("terminal",),
        description=f"{', '.join(FORMATS[:-1])} or {FORMATS[-1]}, each with =FILE if it goes to a file",
    )
    output: FilePath | None = Field(default=None, description="a path to write the report to")
    bundle: FilePath | None = Field(default=None, description="a path to a folder to write a bundle into")
    fail_on: Literal["fail", "warn"] = Field(default="fail", description="fail or warn")
    exit_zero: StrictBool = Field(default=False, description="true or false")
    tolerance: Tolerance = Field(
        default="calibrated",
        description="calibrated, exact, {rtol: 1e-5, atol: 1e-6}, or such a pair for each output name",
    )
    trust: Trust = Field(default=Trust(), description="a mapping with scaler and code")
    timeout: PositiveNumber = Field(default=600.0, description="a number of seconds above 0")
    total_timeout: PositiveNumber | None = Field(default=None, description="a number of seconds above 0")
    memory_limit: PositiveNumber | None = Field(default=None, description="a number of GiB above 0")
    isolation: Literal["auto", "off"] = Field(default="auto", description="auto or off")
    facts: OwnerFacts = Field(
        default=OwnerFacts(), description="a mapping such as {stateful_rows: independent}"
    )
    checks: CheckOptions = Field(default=CheckOptions(), description="a mapping from check name to options")
    debug: StrictBool = Field(default=False, description="true or false")
    quiet: StrictBool = Field(default=False, description="true or false")
    verbose: StrictBool = Field(default=False, description="true or false")
    color: Literal["auto", "always", "never"] = Field(default="auto", description="auto, always or never")

    @model_validator(mode="before")
    @classmethod
    def _expand_recording(cls, values: object) -> object:
        return with_recording(values) if isinstance(values, Mapping) else values

    @model_validator(mode="after")
    def _check_combinations(self) -> Settings:
        if self.scaler is not None and self.preprocess is not None:
            raise UsageError(
                "--scaler and --preprocess exclude each other", fix="give the one that serving uses"
            )
        if self.quiet and self.verbose:
            raise UsageError("--quiet and --verbose exclude each other", fix="give one of them")
        if self.backends and not self.other_backends():
            others = ",".join(name for name in get_args(Backend) if name != self.backend)
            raise UsageError(
                f"--backends names only {self.backend}, the backend in use",
                fix=f"name the other ones: --backends {others}",
            )
        if self.served is not None and self.data is None:
            raise UsageError(
                "--served is given without --data",
                fix="give the raw rows that the served rows were made from, row for row, or a recording",
            )
        if self.expected is not None and self.data is None:
            raise UsageError(
                "--expected is given without --data",
                fix="give the rows for which the outputs were recorded",
            )
        if self.facts.lengths is not None and self.data is None:
            raise UsageError(
                "facts.lengths is given without data",
                fix="give the rows with these lengths with --data",
            )
        return self

    @model_validator(mode="after")
    def _check_destinations(self) -> Settings:
        self.destinations()
        return self

    def input_files(self) -> tuple[Path, ...]:
        """Return the files that this run reads, so that a report never replaces one."""
        named = (
            self.model,
            self.data,
            self.scaler,
            self.reference,
            self.served,
            self.expected,
            self.target_scaler,
        )
        module = (self.preprocess or "").rpartition(":")[0]
        code = (Path(module),) if module.endswith(".py") else ()
        exports = (export.path for export in self.exports)
        return (*(path for path in named if path is not None), *self.custom_objects, *code, *exports)

    def destinations(self) -> tuple[Destination, ...]:
        """Return the destinations of the reports."""
        return parse_destinations(self.format, self.output)

    def batch_sizes(self) -> tuple[int, ...]:
        """Return the batch sizes to try in addition to all rows in one batch and one row at a time."""
        return tuple(size for size in self.checks.batch_size.sizes if size > 1)

    def export_labels(self) -> tuple[str, ...]:
        """Return the names of the exports in reports: those of the user first."""
        return labels(self.exports, self.try_export, taken=self.other_backends())

    def other_backends(self) -> tuple[str, ...]:
        """Return the backends to compare with the one in use, which are also their names in reports."""
        return tuple(dict.fromkeys(name for name in self.backends if name != self.backend))

    def endpoint_labels(self) -> tuple[str, ...]:
        """Return the names of the services in reports."""
        return endpoint_labels(self.endpoints)

    def policy(self) -> Policy:
        """Return how limits are chosen."""
        if isinstance(self.tolerance, StatedLimit):
            return Policy(stated=self.tolerance.stated())
        if isinstance(self.tolerance, Mapping):
            return Policy(
                per_output=tuple((output, limit.stated()) for output, limit in self.tolerance.items())
            )
        return Policy(exact=self.tolerance == "exact")


def load_settings(
    flags: Mapping[str, Any],
    environ: Mapping[str, str],
    discovered: DiscoveredConfig | None = None,
    named: Sequence[tuple[Document, Path]] = (),
) -> Settings:
    """Merge defaults, the YAML file, the environment and the flags; later layers win.

    Args:
        flags: values by option name (`rows`, `trust_scaler`, `config`, ...); None, False and [] mean not
            given.
        environ: the environment; each KCHECK_* variable in it must be known.
        discovered: settings found in the working directory and next to the model; all other layers win over
            them.
        named: settings in parts of a file that the user named, such as the entry of a fleet, each with the
            folder of its paths.

    Raises:
        UsageError: names the source of each wrong value, and the nearest known word for an unknown one.
    """
    return _validated(read_layers(flags, environ, discovered, named))


def stated_settings(
    flags: Mapping[str, Any], environ: Mapping[str, str], discovered: DiscoveredConfig | None = None
) -> list[tuple[str, str, str]]:
    """Return every setting as (dotted name, value as JSON, source). Raises like `load_settings`."""
    layers = read_layers(flags, environ, discovered)
    values = _validated(layers).model_dump(mode="json", by_alias=True)
    return [
        (".".join(path), json.dumps(value), layers.stated_at(path) or "default")
        for path, value in _leaves(values, ())
    ]


def _validated(layers: LayeredSettings) -> Settings:
    try:
        return Settings.model_validate(layers.values)
    except ValidationError as error:
        raise usage_error(error, Settings, layers.origin) from None


def _leaves(values: Mapping[str, Any], above: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping) and name != "tolerance":
            yield from _leaves(value, (*above, name))
        else:
            yield (*above, name), value
