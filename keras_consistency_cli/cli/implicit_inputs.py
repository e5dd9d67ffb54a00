"""What a run takes although nobody named it: [tool.kcheck] of the working directory, and with `kcheck MODEL` what lies beside the model."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from keras_consistency_cli.config.discovery import Neighbours, neighbours
from keras_consistency_cli.config.pyproject import read_project
from keras_consistency_cli.config.settings import Settings
from keras_consistency_cli.config.sources import Found
from keras_consistency_cli.reporting.report import Report

__all__ = ["Surroundings", "look_around"]


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What was found."""

    said: Found
    near: Neighbours = field(default_factory=Neighbours)

    def config(self, flag: str | None) -> Path | None:
        """Return the YAML file that the settings were read from: the one that was named, else the one that was found."""
        named = flag or os.environ.get("KCHECK_CONFIG")
        return Path(named) if named else self.said.config

    def told(self, report: Report, settings: Settings, config: Path | None) -> Report:
        """Return the report with notes on what was taken and what was not."""
        notes = tuple(self._notes(settings, config))
        return replace(report, notes=(*notes, *report.notes)) if notes else report

    def _notes(self, settings: Settings, config: Path | None) -> Iterator[str]:
        taken = [str(path) for name, path in self.said.files.items() if getattr(settings, name) == path]
        if config is not None and config == self.said.config:
            taken.insert(0, str(config))
        if taken:
            yield f"taken from beside the model: {', '.join(taken)}"
        yield from self.near.unclear


def look_around(model: str | None) -> Surroundings:
    """Look for settings in the working directory, and beside a model; None for calls that name their files themselves."""
    project = read_project(Path())
    if model is None:
        return Surroundings(said=Found(project=project))
    near = neighbours(Path(model))
    files = {name: path for name, path in near.files.items() if name != "config"}
    return Surroundings(said=Found(project=project, config=near.files.get("config"), files=files), near=near)
