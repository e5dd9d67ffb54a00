"""Differences between the machines that checked a fleet: versions and processors change rounding."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from keras_consistency_cli.pipeline.environment import list_different
from keras_consistency_cli.reporting.fleet.report import ModelResult
from keras_consistency_cli.reporting.stored.reader import as_mapping
from keras_consistency_cli.text import clean

__all__ = ["describe_differences"]

_DECISIVE = ("kcheck", "python", "keras", "numpy", "cpu")
"""Keys of the environment in a report that can change numbers, besides the version of the backend."""


def describe_differences(results: Sequence[ModelResult]) -> Iterator[str]:
    """Yield a line for each version or processor that is not the same for all models.

    Stored results of `--resume` have the same versions, but may come from a different processor.
    """
    values: dict[str, Counter[str]] = defaultdict(Counter)
    for result in results:
        environment = as_mapping(result.document.get("environment"))
        backend = str(environment.get("backend", ""))
        for key in _DECISIVE:
            if key in environment:
                values[key][str(environment[key])] += 1
        if "backend_version" in environment:
            values[backend][str(environment["backend_version"])] += 1
    for key, found in values.items():
        listed = list_different(found, "model")
        if listed:
            yield f"not all models were checked with the same {clean(key, 40)}: {listed}"
