"""The clock of Python as the code of a model's classes sees it."""

from __future__ import annotations

import datetime
import importlib.util
import sys
import time
from datetime import date
from datetime import datetime as moment
from pathlib import Path
from time import time as seconds
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from keras_consistency_cli.routes.calling.clock import find_clock_reads
from keras_consistency_cli.routes.calling.python_clock import may_read_clock, stopped_python_clock
from tests.helpers.live_models import chain, session_of

NOW = 1_600_000_000.0


class Timed(layers.Layer):
    """Adds a number that comes from the clock, or not."""

    def __init__(self, by: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.by = by

    def call(self, inputs: Any) -> Any:
        """Add it in a function of NumPy."""
        if self.by == "traced":
            return inputs + time.time() % 3.0
        added = tf.numpy_function(lambda values: np.float32(values + self._read()), [inputs], tf.float32)
        return tf.ensure_shape(added, inputs.shape)

    def _read(self) -> float:
        from time import gmtime

        reads = {
            "time": lambda: time.time() % 100.0,
            "name": lambda: seconds() % 100.0,
            "local": lambda: gmtime().tm_min,
            "now": lambda: moment.now().hour,
            "month": lambda: datetime.datetime.now(datetime.UTC).month,
            "today": lambda: date.today().weekday(),
            "text": lambda: float(time.strftime("%M")),
            "elapsed": lambda: time.time() - time.time(),
            "fixed": lambda: moment(2020, 1, 2).day + float(time.strftime("%d", time.gmtime(0))),
        }
        return float(reads[self.by]())


def places(layer: Any) -> list[str]:
    model, _ = chain((3,), layer)
    rows = {model.inputs[0].name: np.ones((4, 3), np.float32)}
    return find_clock_reads(session_of((model, rows)), rows)


@pytest.mark.parametrize(
    ("by", "function"),
    [
        ("time", "time.time"),
        ("name", "time.time"),
        ("local", "time.gmtime"),
        ("now", "datetime.now"),
        ("month", "datetime.now"),
        ("today", "date.today"),
        ("text", "time.strftime"),
        ("traced", "time.time"),
    ],
)
def test_reads_that_outputs_depend_on_are_found(by: str, function: str) -> None:
    assert places(Timed(by, name="timed")) == [f"timed/{function}"]


@pytest.mark.parametrize("by", ["elapsed", "fixed"])
def test_reads_without_an_effect_are_not(by: str) -> None:
    assert places(Timed(by)) == []


def test_the_clock_of_the_user_stops_and_that_of_others_does_not() -> None:
    model, _ = chain((3,), Timed("time"))
    real, modules = time.time, dict(sys.modules)
    with stopped_python_clock(model, NOW):
        assert time.time() == seconds() == moment.now().timestamp() == NOW
        assert isinstance(moment(2020, 1, 1), moment)
        assert isinstance(moment.now(), datetime.date)
        assert moment.fromisoformat("2020-01-01").year == 2020
        assert real() != NOW
    assert time.time is real
    assert (sys.modules["time"], sys.modules["datetime"]) == (modules["time"], modules["datetime"])
    assert moment is datetime.datetime
    assert moment.now().timestamp() != NOW


def test_the_clock_stops_in_the_folder_of_the_users_code_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def imported(file: Path, code: str) -> Any:
        file.parent.mkdir(exist_ok=True)
        file.write_text(code, encoding="utf-8")
        spec = importlib.util.spec_from_file_location(f"of_this_test_{file.stem}", file)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, spec.name, module)
        spec.loader.exec_module(module)
        return module

    own = imported(tmp_path / "own" / "own.py", "import keras\n\nclass Own(keras.layers.Dense): ...\n")
    read = "import time\n\ndef read():\n    return time.time()\n"
    near, far = (
        imported(tmp_path / "own" / "near.py", read),
        imported(tmp_path / "elsewhere" / "far.py", read),
    )
    with stopped_python_clock(chain((3,), own.Own(2))[0], NOW):
        assert near.read() == NOW != far.read()
    assert near.read() != NOW


def test_models_without_own_classes_are_not_run() -> None:
    model = keras.Sequential([keras.Input((3,)), layers.Dense(2)])
    assert not may_read_clock(model)
    assert may_read_clock(chain((3,), Timed("time"))[0])
