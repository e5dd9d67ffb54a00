"""Reproducers: for each failed check, a command that shows this failure only."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from keras_consistency_cli.checks.verdict import Status, Verdict
from keras_consistency_cli.config.setting_types import CheckOptions, OwnerFacts, StatedLimit
from keras_consistency_cli.config.settings import Settings

__all__ = ["command", "reproducers"]

_PATHS = ("data", "scaler", "preprocess", "reference", "served", "expected", "target_scaler")
_NUMBERS = (
    "batch_size",
    "seed",
    "endpoint_requests",
    "backend",
    "timeout",
    "total_timeout",
    "memory_limit",
    "isolation",
)
_TRUSTED = {"scaler": "--trust-scaler", "code": "--allow-unsafe"}


def reproducers(
    settings: Settings, verdicts: Iterable[Verdict], config: Path | None = None
) -> dict[str, str]:
    """Return, by code, the command for each check that failed or crashed.

    If warnings count as failures, there is one for each check that warned.

    Args:
        settings: the settings of the run.
        verdicts: the verdicts of the run.
        config: the YAML file that the run read, if there is one.
    """
    statuses = {Status.FAIL, Status.ERROR} | ({Status.WARN} if settings.fail_on == "warn" else set())
    return {
        verdict.code: command(settings, select=verdict.code, config=config)
        for verdict in verdicts
        if verdict.status in statuses
    }


def command(
    settings: Settings,
    *,
    select: str | None,
    config: Path | None = None,
    instead: Mapping[str, str] | None = None,
) -> str:
    """Return a shell command that runs one check on the same subject, in the same way.

    Paths are those of the run, so the command belongs to the same folder. The YAML file is included only if
    it has settings that no flag can express.

    Args:
        settings: the settings of the run.
        select: the code of the check; None for those that the run selected.
        config: the YAML file that the run read, if there is one.
        instead: by option name ("data"), paths that replace those of the run.
    """
    subject = {
        name: str(value) for name in ("model", *_PATHS) if (value := getattr(settings, name)) is not None
    } | dict(instead or {})
    model = subject.pop("model")
    words = ["kcheck", "run", f"./{model}" if model.startswith("-") else model]
    needs_yaml = any(endpoint.model_fields_set - {"url"} for endpoint in settings.endpoints)
    if config is not None and (
        needs_yaml or settings.facts != OwnerFacts() or settings.checks != CheckOptions()
    ):
        words += _option("config", config)
    for name, path in subject.items():
        words += _option(name, path)
    for code in settings.custom_objects:
        words += _option("custom_objects", code)
    for export in settings.exports:
        words += _option("export", export)
    for endpoint in () if needs_yaml and config is not None else settings.endpoints:
        words += _option("endpoint", endpoint.url)
    if settings.try_export:
        words += _option("try_export", ",".join(settings.try_export))
    if settings.backends:
        words += _option("backends", ",".join(settings.backends))
    chosen = _selection(settings) if select is None else _option("select", select)
    return shlex.join([*words, *chosen, *_differing_options(settings)])


def _selection(settings: Settings) -> list[str]:
    return [
        word
        for name in ("select", "ignore", "require")
        if getattr(settings, name)
        for word in _option(name, ",".join(getattr(settings, name)))
    ]


def _differing_options(settings: Settings) -> Iterator[str]:
    """The options that are not at their default."""
    # By default, the number of rows depends on the model. A stated number also applies to generated rows.
    if "rows" in settings.model_fields_set:
        yield from _option("rows", settings.rows)
    if settings.quick:
        yield "--quick"
    yield from _table_options(settings)
    for name in _NUMBERS:
        value = getattr(settings, name)
        if value != Settings.model_fields[name].default:
            yield from _option(name, value)
    yield from _limit_options(settings)
    yield from (flag for name, flag in _TRUSTED.items() if getattr(settings.trust, name))
    if settings.fail_on == "warn":
        yield from _option("fail_on", "warn")


def _table_options(settings: Settings) -> Iterator[str]:
    """The options that say how rows are read."""
    for name in ("columns", "drop"):
        if names := getattr(settings, name):
            yield from _option(name, ",".join(names))
    if settings.window is not None:
        yield from _option("window", settings.window)
    if settings.facts.value_range is not None:
        yield from _option("value_range", ",".join(f"{value:g}" for value in settings.facts.value_range))


def _limit_options(settings: Settings) -> Iterator[str]:
    stated = settings.tolerance
    if stated == "exact":
        yield "--exact"
    elif isinstance(stated, StatedLimit):
        yield from (*_option("rtol", stated.rtol), *_option("atol", stated.atol))
    elif isinstance(stated, Mapping):
        for output, limit in stated.items():
            yield from (
                *_option("rtol", f"{output}:{limit.rtol}"),
                *_option("atol", f"{output}:{limit.atol}"),
            )


def _option(name: str, value: object) -> list[str]:
    """A flag and its value, joined by = if the value looks like a flag."""
    flag, text = f"--{name.replace('_', '-')}", str(value)
    return [f"{flag}={text}"] if text.startswith("-") else [flag, text]
