"""kcheck from Python: `report = check(model, x, scaler=scaler)` on objects or files.

Files are checked like `kcheck run` does, in separate processes. Objects are checked in this process and left
as they were.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

from pydantic import ValidationError

from keras_consistency_cli.api.quiet import silencing_backend
from keras_consistency_cli.checks.verdict import Status
from keras_consistency_cli.config.settings import Settings
from keras_consistency_cli.config.strict_yaml import KeyPath
from keras_consistency_cli.config.validation_errors import usage_error
from keras_consistency_cli.errors import NoVerdictError, UsageError
from keras_consistency_cli.pipeline.run import inspect
from keras_consistency_cli.reporting import report as reports
from keras_consistency_cli.reporting.render import render
from keras_consistency_cli.text import clean, split_words

__all__ = ["InconsistencyError", "Report", "Status", "check"]

_COMMAND_LINE_ONLY = ("format", "output", "bundle", "color", "debug")
_NEEDS_PROCESSES = ("timeout", "memory_limit", "isolation", "backends")
_OF_A_FILE = ("columns", "drop", "window")
_SUBJECT = ("scaler", "preprocess", "reference", "served", "expected")
_WORD_LISTS = ("select", "ignore", "require", "backends")
_COUNTED = {
    Status.FAIL: "failed",
    Status.ERROR: "errors",
    Status.WARN: "warned",
    Status.PASS: "passed",
    Status.SKIP: "skipped",
}
_BAD = (Status.FAIL, Status.ERROR)


class InconsistencyError(AssertionError):
    """The model or its pipeline is inconsistent.

    The message is the report of the failed checks, `report` the whole report.
    """

    def __init__(self, report: Report) -> None:
        self.report = report
        super().__init__(report.failures())


class Report(reports.Report):
    """The result of one run.

    `str(report)` is the terminal's text, a notebook shows a page, and `render` gives every format of `kcheck
    run`.
    """

    @property
    def passed(self) -> bool:
        """Whether the model is consistent: at least one check gave a verdict, and none failed."""
        return self.exit_code == 0

    def render(self, format: str = "terminal", *, width: int = 80) -> str:
        """Return the report in one of the formats of `--format`.

        Args:
            format: terminal, concise, json, junit, sarif, github, markdown or html; others raise UsageError.
            width: the greatest number of columns, if the format has lines.
        """
        return render(self, format, width=width)

    def failures(self) -> str:
        """Return the terminal's report of the failed checks, with the warnings if those count."""
        failed = [verdict for verdict in self.verdicts if verdict.status in _statuses_that_count(self)]
        return render(replace(self, verdicts=failed), "terminal") if failed else str(self)

    def raise_for_failures(self) -> None:
        """Raise an error unless the model is consistent.

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

    def __repr__(self) -> str:
        counts = Counter(verdict.status for verdict in self.verdicts)
        parts = [f"{counts[status]} {_COUNTED[status]}" for status in _COUNTED if counts[status]]
        causes = ", ".join(diagnosis.cause for diagnosis in self.diagnoses)
        return f"<kcheck Report: {self.outcome}; {', '.join(parts)}{f'; causes: {causes}' if causes else ''}>"

    def _repr_html_(self) -> str:
        # In a frame, so that the styles of the notebook and of the page do not affect each other.
        page = render(self, "html").replace("&", "&amp;").replace('"', "&quot;")
        style, title = "width:100%;height:40em;border:0", f"kcheck: {self.outcome}"
        return f'<iframe sandbox srcdoc="{page}" style="{style}" title="{title}"></iframe>'


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
    """Run a model in every way it will be called, and report whether the outputs agree.

    Args:
        model: a built Keras model, or the path of a .keras file.
        x: rows: an array, a DataFrame, a dict of arrays by input name, a list in the order of the inputs, a
            tf.data.Dataset, PyDataset or dataset of Hugging Face, or a path. Without it, rows are generated.
        scaler: a fitted scaler that the rows go through first, or its path.
        preprocess: your own function instead of a scaler, or its name as "module:function".
        reference: rows that the model was trained on, raw, in the same forms as x.
        served: the rows that serving fed to the model for x, row for row.
        expected: outputs recorded for x: an array, a dict by output name, or a path.
        custom_objects: the model's own classes by name, or paths of Python files that hold them; those of a
            live model need no names.
        settings: any other key of the YAML file, such as rows, select, tolerance, facts or fail_on.

    Raises:
        UsageError: an unknown setting, or an argument that is neither a supported object nor a file.
        DataError: the rows do not fit the model.
        RefusedError: a file is damaged, or needs permissions that were not given.
    """
    _check_keys(settings)
    others = dict(zip(_SUBJECT, (scaler, preprocess, reference, served, expected), strict=True))
    subject = {
        name: value for name, value in {"model": model, "data": x, **others}.items() if value is not None
    }
    if not _has_objects(subject, custom_objects):
        return _to_public(inspect(_settings_for_files(subject, custom_objects, settings)), settings)
    from keras_consistency_cli.api.live_inputs import LiveInputs
    from keras_consistency_cli.api.live_objects import examine_live_objects

    start = time.perf_counter()
    _check_objects(subject)
    _check_live_settings(subject, settings)
    live_inputs = LiveInputs.of(subject, custom_objects)
    validated = _validate({**settings, **live_inputs.to_settings()})
    with silencing_backend():
        report = examine_live_objects(live_inputs, validated)
    return _to_public(replace(report, elapsed_s=time.perf_counter() - start), settings)


def _has_objects(subject: Mapping[str, Any], custom_objects: object) -> bool:
    """Whether anything is given as an object instead of a path."""
    paths = all(isinstance(value, str | os.PathLike) for value in subject.values())
    return not paths or isinstance(custom_objects, Mapping)


def _settings_for_files(
    subject: Mapping[str, Any],
    custom_objects: Mapping[str, Any] | Sequence[str | os.PathLike[str]] | None,
    settings: Mapping[str, Any],
) -> Settings:
    paths = {name: os.fspath(value) for name, value in subject.items()}
    code = [os.fspath(path) for path in custom_objects or ()]
    return _validate({**settings, **paths, "custom_objects": code})


def _check_keys(settings: Mapping[str, Any]) -> None:
    for name in _COMMAND_LINE_ONLY:
        if name in settings:
            raise UsageError(
                f"check: {name} is for the command line only",
                fix="report.render('junit') returns any format as text",
            )


def _check_objects(subject: Mapping[str, Any]) -> None:
    """Refuse objects of the wrong kind; paths are checked later."""
    objects = {name: value for name, value in subject.items() if not isinstance(value, str | os.PathLike)}
    if "model" in objects:
        _check_model(objects["model"])
    if "preprocess" in objects and not callable(objects["preprocess"]):
        kind = type(objects["preprocess"]).__name__
        expected = "a function of rows, or 'module:function'"
        raise UsageError(f"check: preprocess has the type {kind}", expected=expected)
    if "scaler" in objects and not hasattr(objects["scaler"], "transform"):
        kind = type(objects["scaler"]).__name__
        expected = "a fitted scaler with transform, or a path"
        raise UsageError(f"check: scaler has the type {kind}", expected=expected)


def _check_model(model: Any) -> None:
    import keras

    if not isinstance(model, keras.Model):
        kind = clean(f"{type(model).__module__}.{type(model).__name__}")
        expected = "a Keras 3 model, or the path of a .keras file"
        raise UsageError(f"check: the model has the type {kind}", expected=expected)
    if not model.built:
        what = f"check: the model '{clean(model.name)}' has no weights yet"
        raise UsageError(what, fix="call it once on a batch: model(x[:1])")


def _check_live_settings(subject: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
    """Refuse settings that need separate processes or a file, or a backend other than the running one."""
    import keras

    rows = [subject[name] for name in ("data", "reference") if name in subject]
    if rows and not any(isinstance(value, str | os.PathLike) for value in rows):
        for name in filter(settings.get, _OF_A_FILE):
            fix = "choose columns and windows of x itself, or give its path"
            raise UsageError(f"check: {name} is for rows in a file", fix=fix)
    for name in _NEEDS_PROCESSES:
        if name in settings:
            fix = "give paths instead of objects, and kcheck starts processes"
            raise UsageError(f"check: {name} needs separate processes", fix=fix)
    running = keras.backend.backend()
    if settings.get("backend", running) != running:
        what = f"check: backend is {clean(settings['backend'])}, but {running} is running"
        raise UsageError(what, fix="set KERAS_BACKEND before keras is imported")


def _validate(values: Mapping[str, Any]) -> Settings:
    words = {name: _as_words(values[name]) for name in _WORD_LISTS if name in values}
    try:
        return Settings.model_validate({**values, **words})
    except ValidationError as error:
        raise usage_error(error, Settings, lambda path: (_given_part(values, path), "check")) from None


def _given_part(values: Any, path: KeyPath) -> KeyPath:
    """Return the part of a path that the caller gave; pydantic adds the rest."""
    place: KeyPath = ()
    for part in path:
        if not isinstance(values, Mapping) or part not in values:
            break
        place, values = (*place, part), values[part]
    return place or path


def _as_words(value: object) -> object:
    """Split words at commas, as on the command line; anything but texts is left for validation to refuse."""
    if not isinstance(value, Iterable):
        return value
    items = [value] if isinstance(value, str) else list(value)
    return split_words(items) if all(isinstance(item, str) for item in items) else items


def _to_public(report: reports.Report, settings: Mapping[str, Any]) -> Report:
    """Return the report as this module's class, with calls that reproduce it from Python."""
    counting = _statuses_that_count(report)
    codes = [verdict.code for verdict in report.verdicts if verdict.status in counting]
    values = {field.name: getattr(report, field.name) for field in fields(report)}
    values["reproduce"] = _call_text(settings)
    values["reproducers"] = {code: _call_text({**settings, "select": [code]}) for code in codes}
    return Report(**values)


def _statuses_that_count(report: reports.Report) -> tuple[Status, ...]:
    """Return the statuses that make a report fail."""
    return (*_BAD, Status.WARN) if report.fail_on == "warn" else _BAD


def _call_text(settings: Mapping[str, Any]) -> str:
    return f"check(model, x{''.join(f', {name}={clean(repr(value))}' for name, value in settings.items())})"
