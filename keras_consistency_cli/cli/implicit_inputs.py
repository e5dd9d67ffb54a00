"""Inputs that the command line does not name: [tool.kcheck] of the working directory, and files next to the
model.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from keras_consistency_cli.config.discovery import AdjacentFiles, find_adjacent_files
from keras_consistency_cli.config.pyproject import read_pyproject
from keras_consistency_cli.config.settings import Settings
from keras_consistency_cli.config.sources import DiscoveredConfig
from keras_consistency_cli.reporting.report import Report
from keras_consistency_cli.text import clean

__all__ = ["ImplicitInputs", "find_implicit_inputs"]

_NAMED = 4
"""Files that a note names."""


@dataclass(frozen=True, kw_only=True)
class ImplicitInputs:
    """The settings and files that were found."""

    discovered: DiscoveredConfig
    adjacent: AdjacentFiles = field(default_factory=AdjacentFiles)

    def config(self, flag: str | None) -> Path | None:
        """Return the YAML file that the settings come from: the named one, otherwise the discovered one."""
        named = flag or os.environ.get("KCHECK_CONFIG")
        return Path(named) if named else self.discovered.config

    def with_notes(self, report: Report, settings: Settings, config: Path | None) -> Report:
        """Return the report with notes about the files that were used and those that were not."""
        notes = tuple(self._notes(settings, config))
        return replace(report, notes=(*notes, *report.notes)) if notes else report

    def _notes(self, settings: Settings, config: Path | None) -> Iterator[str]:
        used = [str(path) for name, path in self.discovered.files.items() if getattr(settings, name) == path]
        if config is not None and config == self.discovered.config:
            used.insert(0, str(config))
        if used:
            yield f"used from the model's folder: {', '.join(used)}"
        yield from self.adjacent.ambiguous
        free = [
            f"{clean(path, 100)} (--{option.replace('_', '-')})"
            for path, option in self.adjacent.others
            if getattr(settings, option) is None and path not in settings.input_files()
        ]
        if free:
            more = f" and {len(free) - _NAMED} more" if len(free) > _NAMED else ""
            yield f"not used from the model's folder: {', '.join(free[:_NAMED])}{more}"


def find_implicit_inputs(model: str | None) -> ImplicitInputs:
    """Search the working directory, and the folder of a model; None if the call names its files itself."""
    project = read_pyproject(Path())
    if model is None:
        return ImplicitInputs(discovered=DiscoveredConfig(project=project))
    adjacent = find_adjacent_files(Path(model))
    files = {name: path for name, path in adjacent.files.items() if name != "config"}
    discovered = DiscoveredConfig(project=project, config=adjacent.files.get("config"), files=files)
    return ImplicitInputs(discovered=discovered, adjacent=adjacent)
