"""Reproducers: for each check that failed the one command that shows this failure alone."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from keras_consistency_cli.checks.verdict import Status, Verdict
from keras_consistency_cli.config.setting_types import CheckOptions, OwnerFacts, StatedLimit
from keras_consistency_cli.config.settings import Settings

__all__ = ["command", "reproducers"]

_PATHS = ("data", "scaler", "preprocess", "reference", "served", "expected", "target_scaler")
_NUMBERS = ("batch_size", "seed", "backend", "timeout", "total_timeout", "memory_limit", "isolation")
_TRUSTED = {"scaler": "--trust-scaler", "code": "--allow-unsafe"}


def reproducers(
    settings: Settings, verdicts: Iterable[Verdict], config: Path | None = None
) -> dict[str, str]:
    """Return by code the command for each check that failed or broke, and for those that warned where warnings count.

    Args:
        settings: those of the run.
        verdicts: its verdicts.
        config: the YAML file that was read, if any.
    """
    counted = {Status.FAIL, Status.ERROR} | ({Status.WARN} if settings.fail_on == "warn" else set())
    return {
        verdict.code: command(settings, select=verdict.code, config=config)
        for verdict in verdicts
        if verdict.status in counted
    }


def command(
    settings: Settings, *, select: str, config: Path | None = None, instead: Mapping[str, str] | None = None
) -> str:
    """Return a command line for a shell that checks the same subject in the same way, by one check.

    Paths are those of the run, so that it belongs into the same folder. The YAML file is named only where it holds what no flag can say.

    Args:
        settings: those of the run.
        select: the code of the check.
        config: the YAML file that was read, if any.
        instead: by option name ("data"), paths that take the place of those of the run.
    """
    subject = {
        name: str(value) for name in ("model", *_PATHS) if (value := getattr(settings, name)) is not None
    } | dict(instead or {})
    model = subject.pop("model")
    words = ["kcheck", "run", f"./{model}" if model.startswith("-") else model]
    if config is not None and (settings.facts != OwnerFacts() or settings.checks != CheckOptions()):
        words += _option("config", config)
    for name, path in subject.items():
        words += _option(name, path)
    for code in settings.custom_objects:
        words += _option("custom_objects", code)
    return shlex.join([*words, *_option("select", select), *_ways(settings)])


def _ways(settings: Settings) -> Iterator[str]:
    """What is not the default of how the subject is checked."""
    # Left to kcheck, the number of rows follows from the model; stated, it would stand for the rows that are made as well.
    if "rows" in settings.model_fields_set:
        yield from _option("rows", settings.rows)
    for name in _NUMBERS:
        value = getattr(settings, name)
        if value != Settings.model_fields[name].default:
            yield from _option(name, value)
    yield from _limits(settings)
    yield from (flag for name, flag in _TRUSTED.items() if getattr(settings.trust, name))
    if settings.fail_on == "warn":
        yield from _option("fail_on", "warn")


def _limits(settings: Settings) -> Iterator[str]:
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
    """A flag and its value as words; joined where the value would be taken for a flag itself."""
    flag, text = f"--{name.replace('_', '-')}", str(value)
    return [f"{flag}={text}"] if text.startswith("-") else [flag, text]
