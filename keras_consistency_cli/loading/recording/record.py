"""`record`: the public way to make a recording, in two lines of a service."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Generic, ParamSpec, TypeVar, cast
from weakref import WeakSet

from keras_consistency_cli.loading.recording.recorder import Recorder
from keras_consistency_cli.text import number_repeated

__all__ = ["Record", "Recorded", "record"]

_Inputs = ParamSpec("_Inputs")
_Output = TypeVar("_Output")
_METHODS = ("predict", "predict_on_batch")


class Recorded(Generic[_Inputs, _Output]):
    """A model or function whose calls are recorded; everything else is that of the model.

    `recorder` tells how many errors were suppressed, and `recorder.save()` writes the file at once.
    """

    def __init__(self, model: Callable[_Inputs, _Output], recorder: Recorder) -> None:
        self._model = model
        self.recorder = recorder

    def __call__(self, *arguments: _Inputs.args, **named: _Inputs.kwargs) -> _Output:
        """Call the model and record rows and outputs."""
        return self.recorder.call(self._model, *arguments, **named)

    def __getattr__(self, name: str) -> object:
        """Return an attribute of the model; `predict` and `predict_on_batch` are recorded as well."""
        if name in ("_model", "recorder"):  # not yet there, while a copy is being made
            raise AttributeError(name)
        value = getattr(self._model, name)
        if name not in _METHODS:
            return cast(object, value)
        recorded = Recorded(value, self.recorder)
        self.__dict__[name] = recorded
        return recorded


class Record:
    """`record(model, path)` records a model's calls, `record.raw(rows)` the rows before preprocessing."""

    def __init__(self) -> None:
        self._recorders: WeakSet[Recorder] = WeakSet()

    def __call__(
        self,
        model: Callable[_Inputs, _Output],
        path: str | os.PathLike[str],
        *,
        rows: int = 1000,
        megabytes: float = 64,
        every: float = 60,
    ) -> Recorded[_Inputs, _Output]:
        """Return the model with a recorder around it.

        Args:
            model: a model, or a function that takes rows and returns outputs.
            path: the .npz to write, for `kcheck run --served`.
            rows: the most rows to keep: the first requests, and a random part of all later ones.
            megabytes: the most memory to keep, and the most disk space for each process.
            every: seconds between two writes; the file is also written when the process ends.
        """
        recorder = Recorder(Path(path), rows=rows, megabytes=megabytes, every=every)
        recorder.name_arrays(_names_in(model, "inputs"), _output_names(model))
        self._recorders.add(recorder)
        return Recorded(model, recorder)

    def raw(self, rows: object) -> None:
        """Record raw rows of the next call of the model in this thread or task, before any preprocessing."""
        for recorder in list(self._recorders)[:1]:
            recorder.add_raw(rows)


def _names_in(model: object, attribute: str) -> list[str]:
    """The names of a Keras model's tensors, as far as it has any."""
    tensors = getattr(model, attribute, None)
    if not isinstance(tensors, Iterable) or isinstance(tensors, str | bytes):
        return []
    return [str(getattr(tensor, "name", "")) for tensor in tensors]


def _output_names(model: object) -> list[str]:
    names = getattr(model, "output_names", None)
    return number_repeated([str(name) for name in names]) if isinstance(names, list | tuple) else []


record = Record()
