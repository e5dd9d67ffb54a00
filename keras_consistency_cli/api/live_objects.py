"""A subject at hand: a live model, rows in memory, a fitted scaler; examined in this process, by the same routes and checks as files are.

What only a process of its own can do is skipped and says so. Whatever was found is left as it was.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from keras_consistency_cli.config.settings import Settings
from keras_consistency_cli.errors import UsageError
from keras_consistency_cli.loading.model_file.archive import Archive, read_archive
from keras_consistency_cli.loading.rows.source import RowSource, open_rows
from keras_consistency_cli.loading.scalers.scaler import ScalerFile, scan_scaler
from keras_consistency_cli.loading.subject import Subject
from keras_consistency_cli.loading.subject_spec import SubjectFiles
from keras_consistency_cli.pipeline.inputs import Opened, check_beside, load_request
from keras_consistency_cli.pipeline.run import examine, selected
from keras_consistency_cli.reporting.report import Report
from keras_consistency_cli.routes.registry import routes
from keras_consistency_cli.text import clean
from keras_consistency_cli.workers.child.executor import Executor
from keras_consistency_cli.workers.deadline import Deadline
from keras_consistency_cli.workers.in_process import InProcessClient

__all__ = ["LiveInputs", "examine_at_hand"]

_ROWS = {"data": "x", "reference": "reference", "served": "served", "expected": "expected"}
_NAMES = {**_ROWS, "model": "live model", "scaler": "scaler"}
_NEEDS_PROCESSES = ("timeout", "memory_limit", "isolation")
_NO_PROCESS = "a live model has no fresh process"
_NO_FILE = "a live model has no file"
_OTHER_PROCESS = frozenset({"kernels", "thread"})
_FROM_FILE = ("loaded-again", "on-cpu", "on-accelerator", "without-tf32-")


@dataclass(frozen=True, kw_only=True)
class LiveInputs:
    """What is at hand, by the name of its setting, what is in files, and the model's own classes: by name, or in files."""

    objects: Mapping[str, Any]
    files: Mapping[str, str]
    known: Mapping[str, Any] = field(default_factory=dict)
    code: Sequence[str] = ()

    @classmethod
    def of(
        cls, subject: Mapping[str, Any], custom_objects: Mapping[str, Any] | Sequence[Any] | None
    ) -> LiveInputs:
        """Tell objects from paths, and look at what a model is.

        Raises:
            UsageError: the model is none of Keras, or was never built; the preprocess function cannot be called.
        """
        files = {
            name: os.fspath(value) for name, value in subject.items() if isinstance(value, str | os.PathLike)
        }
        objects = {name: value for name, value in subject.items() if name not in files}
        if "model" in objects:
            _check_model(objects["model"])
        if "preprocess" in objects and not callable(objects["preprocess"]):
            raise UsageError(
                f"check: preprocess is a {type(objects['preprocess']).__name__}",
                expected="a function of rows, or 'module:function'",
            )
        if "scaler" in objects and not hasattr(objects["scaler"], "transform"):
            raise UsageError(
                f"check: scaler is a {type(objects['scaler']).__name__}",
                expected="a fitted scaler with transform, or a path",
            )
        if isinstance(custom_objects, Mapping):
            return cls(objects=objects, files=files, known=dict(custom_objects))
        return cls(objects=objects, files=files, code=[os.fspath(path) for path in custom_objects or ()])

    @property
    def model(self) -> Any:
        """The live model, None where it is in a file."""
        return self.objects.get("model")

    def named(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Return the settings that say what is checked: paths of files, and names for what has none.

        Raises:
            UsageError: one of `settings` asks for what only a process of its own can do, or for another backend than the one that runs.
        """
        import keras

        for name in _NEEDS_PROCESSES:
            if name in settings:
                raise UsageError(
                    f"check: {name} needs processes of its own",
                    fix="give paths instead of objects, and kcheck starts them",
                )
        running = keras.backend.backend()
        if settings.get("backend", running) != running:
            what = f"check: backend is {clean(settings['backend'])}, but {running} runs here"
            raise UsageError(what, fix="set KERAS_BACKEND before keras is imported")
        function = self.objects.get("preprocess")
        names = {
            name: _NAMES.get(name) or str(getattr(function, "__name__", "preprocess"))
            for name in self.objects
        }
        return {
            **names,
            **self.files,
            "backend": running,
            "isolation": "off",
            "custom_objects": list(self.code),
        }


def _check_model(model: Any) -> None:
    import keras

    if not isinstance(model, keras.Model):
        kind = f"{type(model).__module__}.{type(model).__name__}"
        raise UsageError(
            f"check: the model is a {clean(kind)}",
            expected="a model of Keras 3, or the path of a .keras file",
        )
    if not model.built:
        raise UsageError(
            f"check: the model '{clean(model.name)}' has no weights yet",
            fix="call it once on a batch: model(x[:1])",
        )


def examine_at_hand(live_inputs: LiveInputs, settings: Settings) -> Report:
    """Run the selected checks in this process and report; the model and Keras's settings are left as they were found.

    Raises:
        KcheckError: nothing could be checked.
    """
    from keras_consistency_cli.routes.session.live_guard import restoring_global_state, restoring_model

    with ExitStack() as stack:
        stack.enter_context(restoring_global_state())
        opened, sources = _opened(live_inputs, settings)
        if live_inputs.model is not None:
            stack.enter_context(restoring_model(live_inputs.model))
        load = load_request(settings, opened, sizes=settings.batch_sizes())
        given = {
            **sources,
            **{
                name: live_inputs.objects[name]
                for name in ("scaler", "preprocess")
                if name in live_inputs.objects
            },
        }
        bench = Executor(partial(_subject, live_inputs, given))
        deadline = Deadline(answer=settings.timeout, total=settings.total_timeout)
        client = InProcessClient(
            bench,
            load,
            deadline=deadline,
            lacking=dict(_lacking(settings, live=live_inputs.model is not None)),
        )
        stack.callback(client.close)
        clients = dict.fromkeys(("main", "fresh", "shadow", *_OTHER_PROCESS), client)
        return examine(settings, opened, clients, checks=selected(settings))


def _lacking(settings: Settings, *, live: bool) -> Iterator[tuple[str, str]]:
    """Routes that cannot run in this process, and why."""
    for route in routes(settings.batch_sizes()):
        if route.name == "fresh-process" or route.placement in _OTHER_PROCESS:
            yield route.name, _NO_PROCESS
        elif live and route.name.startswith(_FROM_FILE):
            yield route.name, _NO_FILE


def _subject(live_inputs: LiveInputs, given: Mapping[str, Any], files: Mapping[str, Any]) -> Subject:
    told = SubjectFiles(**files)
    if live_inputs.model is None:
        return Subject.load(told, known=live_inputs.known, given=given)
    import keras

    from keras_consistency_cli.loading.model.facts import describe_model
    from keras_consistency_cli.loading.model.load import import_custom_objects
    from keras_consistency_cli.loading.rows.in_memory import find_custom_objects

    known = {
        **find_custom_objects(live_inputs.model),
        **import_custom_objects([Path(path) for path in told.custom_objects]),
        **live_inputs.known,
    }
    facts = describe_model(live_inputs.model, saved_with=keras.__version__)
    # What is loaded is what was saved a moment ago: its code has run in this process all along.
    return Subject(
        files=replace(told, model="", allow_unsafe=True),
        model=live_inputs.model,
        facts=facts,
        custom_objects=known,
        given=given,
    )


def _opened(live_inputs: LiveInputs, settings: Settings) -> tuple[Opened, dict[str, RowSource]]:
    """What is at hand as if it had been opened, and the rows by the name of their setting."""
    sources = dict(_sources(live_inputs))
    rows = sources.get("data")
    check_beside(rows, sources)
    archive = (
        _described(live_inputs.model) if live_inputs.model is not None else _archive(live_inputs, settings)
    )
    return Opened(archive=archive, rows=rows, scaler=_scaler(live_inputs, settings), beside=sources), sources


def _sources(live_inputs: LiveInputs) -> Iterator[tuple[str, RowSource]]:
    from keras_consistency_cli.loading.rows.in_memory import open_live_rows

    inputs, outputs = _names(live_inputs.model)
    for name, what in _ROWS.items():
        if name in live_inputs.files:
            yield name, open_rows(Path(live_inputs.files[name]), what=what)
        elif name in live_inputs.objects:
            yield (
                name,
                open_live_rows(
                    live_inputs.objects[name], what=what, inputs=outputs if name == "expected" else inputs
                ),
            )


def _names(model: Any) -> tuple[list[str], list[str]]:
    if model is None:
        return [], []
    from keras_consistency_cli.loading.model.facts import describe_model

    facts = describe_model(model)
    return [fact.name for fact in facts.inputs], [fact.name for fact in facts.outputs]


def _archive(live_inputs: LiveInputs, settings: Settings) -> Archive:
    custom = bool(live_inputs.known or live_inputs.code)
    return read_archive(
        Path(live_inputs.files["model"]), custom_objects=custom, allow_unsafe=settings.trust.code
    )


def _described(model: Any) -> Archive:
    """What a file would say of a live model, as far as anything asks."""
    import keras

    values: Callable[[Any], Any] = keras.ops.convert_to_numpy
    floats = [weight for weight in model.weights if "float" in str(weight.dtype)]
    holed = tuple(
        clean(weight.path)
        for weight in floats
        if not np.isfinite(np.asarray(values(weight), dtype=np.float32)).all()
    )
    nothing: dict[str, Any] = dict.fromkeys(
        ("classes", "custom", "unsafe", "custom_compile", "weights", "members"), ()
    )
    told = {
        "keras_version": keras.__version__,
        "saved_on": "",
        "backend": keras.backend.backend(),
        "config": {},
        "parameters": 0,
        "layers": 0,
    }
    return Archive(path="", sha256="", size=0, nonfinite=holed, **told, **nothing)


def _scaler(live_inputs: LiveInputs, settings: Settings) -> ScalerFile | None:
    if settings.scaler is None or "scaler" not in live_inputs.objects:
        return scan_scaler(settings.scaler, trust=settings.trust.scaler) if settings.scaler else None
    import sklearn

    name = clean(type(live_inputs.objects["scaler"]).__name__)
    return ScalerFile(
        path="scaler", sha256="", kind="pickle", estimator=name, sklearn_version=sklearn.__version__, wants=()
    )
