"""kcheck from Python: `report = check(model, x, scaler=scaler)` on objects that are at hand, or on files.

Files are checked as `kcheck run` does it, in processes of their own. Objects are checked in this process, and left as they were found.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from keras_consistency_cli.checks.base import Status
from keras_consistency_cli.config.settings import Settings
from keras_consistency_cli.config.strict_yaml import KeyPath
from keras_consistency_cli.config.validation_errors import usage_error
from keras_consistency_cli.errors import NoVerdictError, UsageError
from keras_consistency_cli.pipeline.run import inspect
from keras_consistency_cli.reporting import report as reports
from keras_consistency_cli.reporting.render import render
from keras_consistency_cli.text import clean

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["InconsistencyError", "Report", "Status", "check"]

_OF_THE_COMMAND = ("format", "output", "bundle", "color", "debug")
_SUBJECT = ("scaler", "preprocess", "reference", "served", "expected")
_BAD = (Status.FAIL, Status.ERROR)


class InconsistencyError(AssertionError):
    """The model or its pipeline is at fault; the message is the report of what failed, `report` all of it."""

    def __init__(self, report: Report) -> None:
        self.report = report
        super().__init__(report.failures())


class Report(reports.Report):
    """The answer of one run. `str(report)` is what a terminal shows, a notebook shows a page; all of `kcheck run`'s forms are there by `render`."""

    @property
    def passed(self) -> bool:
        """Whether the model is consistent: at least one check gave an answer, and none failed or broke."""
        return self.exit_code == 0

    def render(self, format: str = "terminal", *, width: int = 80) -> str:
        """Return the report in one of the formats of `--format`.

        Args:
            format: terminal, concise, json, junit, sarif, github, markdown or html; any other raises UsageError.
            width: columns to fill at most, where the format has lines.
        """
        return render(self, format, width=width)

    def failures(self) -> str:
        """Return the terminal's report of what failed or broke alone, with the warnings where those count."""
        counted = (*_BAD, Status.WARN) if self.fail_on == "warn" else _BAD
        told = [verdict for verdict in self.verdicts if verdict.status in counted]
        return render(replace(self, verdicts=told), "terminal") if told else str(self)

    def raise_for_failures(self) -> None:
        """Do nothing where the model is consistent.

        Raises:
            InconsistencyError: a check failed; it is an AssertionError.
            NoVerdictError: nothing could be decided.
        """
        __tracebackhide__ = True
        if self.exit_code == 1:
            raise InconsistencyError(self)
        if not self.passed:
            raise NoVerdictError(self.failures())

    def __str__(self) -> str:
        return render(self, "terminal")

    def _repr_html_(self) -> str:
        # In a frame of its own, so that neither the notebook's style nor the page's spoils the other.
        page = render(self, "html").replace("&", "&amp;").replace('"', "&quot;")
        return f'<iframe sandbox srcdoc="{page}" style="width:100%;height:40em;border:0" title="kcheck: {self.outcome}"></iframe>'


def check(
    model: Any,
    x: Any = None,
    *,
    scaler: Any = None,
    preprocess: str | Callable[[Any], Any] | None = None,
    reference: Any = None,
    served: Any = None,
    expected: Any = None,
    custom_objects: Mapping[str, Any] | Sequence[str | os.PathLike[str]] | None = None,
    **settings: Any,
) -> Report:
    """Run a model every way it is going to be called, and report whether the answers agree.

    Args:
        model: a built Keras model, or the path of a .keras file.
        x: rows: an array, a DataFrame, a dict of arrays by input name, a list in the order of the inputs, or a path. Without it, rows are made.
        scaler: a fitted scaler that the rows go through first, or the path of one.
        preprocess: your own function instead of a scaler, or its name as "module:function".
        reference: rows that the model was trained on, raw, in the same forms as x.
        served: what serving fed to the model for the rows of x, row for row.
        expected: answers recorded for the rows of x: an array, a dict by output name, or a path.
        custom_objects: the model's own classes by name, or paths of Python files that hold them; a live model's are found without.
        settings: any other key of the YAML file, such as rows, select, tolerance, facts or fail_on.

    Raises:
        UsageError: an unknown setting, or something that is neither an object nor a file that kcheck knows.
        DataError: the rows do not fit.
        RefusedError: a file is damaged, or asks for more than may run.
    """
    _check_keys(settings)
    given = dict(zip(_SUBJECT, (scaler, preprocess, reference, served, expected), strict=True))
    subject = {
        name: value for name, value in {"model": model, "data": x, **given}.items() if value is not None
    }
    live = any(not isinstance(value, str | os.PathLike) for value in subject.values()) or isinstance(
        custom_objects, Mapping
    )
    if not live:
        values = {name: os.fspath(value) for name, value in subject.items()}
        return _own(
            inspect(
                _validated(
                    {
                        **settings,
                        **values,
                        "custom_objects": [os.fspath(path) for path in custom_objects or ()],
                    }
                )
            ),
            settings,
        )
    from keras_consistency_cli.api.live_objects import LiveInputs, examine_at_hand

    start = time.perf_counter()
    live_inputs = LiveInputs.of(subject, custom_objects)
    report = examine_at_hand(live_inputs, _validated({**settings, **live_inputs.named(settings)}))
    return _own(replace(report, elapsed_s=time.perf_counter() - start), settings)


def _check_keys(settings: Mapping[str, Any]) -> None:
    for name in _OF_THE_COMMAND:
        if name in settings:
            raise UsageError(
                f"check: {name} is for the command line", fix="report.render('junit') gives any form as text"
            )


def _validated(values: Mapping[str, Any]) -> Settings:
    words = {name: _words(values[name]) for name in ("select", "ignore") if name in values}
    try:
        return Settings.model_validate({**values, **words})
    except ValidationError as error:
        raise usage_error(error, Settings, lambda path: (_stated(values, path), "check")) from None


def _stated(values: Any, path: KeyPath) -> KeyPath:
    """The part of a path that was given: what follows is pydantic's own."""
    place: KeyPath = ()
    for part in path:
        if not isinstance(values, Mapping) or part not in values:
            break
        place, values = (*place, part), values[part]
    return place or path


def _words(given: str | Iterable[str]) -> list[str]:
    return [word.strip() for word in given.split(",")] if isinstance(given, str) else list(given)


def _own(report: reports.Report, settings: Mapping[str, Any]) -> Report:
    """The report as this module gives it, told how to be had again from Python."""
    again = {code: _call({**settings, "select": [code]}) for code in _told(report)}
    values = {field.name: getattr(report, field.name) for field in fields(report)}
    return Report(**{**values, "reproduce": _call(settings), "reproducers": again})


def _told(report: reports.Report) -> Iterator[str]:
    counted = (*_BAD, Status.WARN) if report.fail_on == "warn" else _BAD
    yield from (verdict.code for verdict in report.verdicts if verdict.status in counted)


def _call(settings: Mapping[str, Any]) -> str:
    return f"check(model, x{''.join(f', {name}={clean(repr(value))}' for name, value in settings.items())})"
