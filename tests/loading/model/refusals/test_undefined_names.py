"""undefined_name_error: code of a model that uses a name which is not defined where it runs."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers, ops

from keras_consistency_cli.errors import RefusedError
from keras_consistency_cli.loading.model.load import import_custom_objects, load_model
from keras_consistency_cli.loading.model.refusals.undefined_names import undefined_name_error
from keras_consistency_cli.loading.subject_spec import SubjectFiles
from keras_consistency_cli.routes.session.session import RunOptions
from keras_consistency_cli.workers.child.executor import Executor

SOURCE = """
import keras

def halve(x):
    return ops.multiply(x, 0.5)

@keras.saving.register_keras_serializable(package="mine")
class Half(keras.layers.Layer):
    def call(self, x, training=False):
        return np.tanh(x) if training else halve(x)
"""


def _functional(layer: layers.Layer) -> keras.Model:
    inputs = keras.Input((3,))
    return keras.Model(inputs, layers.Dense(1)(layer(inputs)))


def _sequential(layer: layers.Layer) -> keras.Model:
    return keras.Sequential([keras.Input((3,)), layer, layers.Dense(1)])


def _files(tmp_path: Path, source: str) -> tuple[Path, Path]:
    """A model with the layer Half, and the file of its code."""
    healthy, code = tmp_path / "healthy.py", tmp_path / "code.py"
    healthy.write_text(f"import numpy as np\nfrom keras import ops\n{SOURCE}", encoding="utf-8")
    code.write_text(source, encoding="utf-8")
    layer = import_custom_objects([healthy])["Half"](name="half")
    _sequential(layer).save(tmp_path / "m.keras")
    return tmp_path / "m.keras", code


def _run_predict(model: Path, code: Path | None = None, route: str = "predict") -> None:
    """Load the model and run one route, as a worker does."""
    files = SubjectFiles(
        model=str(model),
        custom_objects=[str(code)] if code else [],
        allow_unsafe=code is None,
        generated_rows=4,
    )
    executor = Executor()
    options = vars(RunOptions())
    executor.answer({"op": "load", "files": vars(files), "options": options}, {})
    executor.answer({"op": "run", "route": route}, {"rows": np.arange(4)})


def test_a_function_in_the_file_that_needs_an_import_is_refused(tmp_path: Path) -> None:
    _functional(layers.Lambda(lambda x: ops.abs(x), name="size")).save(tmp_path / "m.keras")
    with pytest.raises(RefusedError) as refusal:
        load_model(tmp_path / "m.keras", custom_objects={}, allow_unsafe=True)
    assert refusal.value.cause == "undefined-name"
    assert "'size'" in refusal.value.what
    assert "from keras import ops" in str(refusal.value.fix)
    assert "--custom-objects" in str(refusal.value.fix)


def test_one_that_is_found_at_the_first_call_is_refused_too(tmp_path: Path) -> None:
    _sequential(layers.Lambda(lambda x: np.pi * x, name="turn")).save(tmp_path / "m.keras")
    with pytest.raises(RefusedError) as refusal:
        _run_predict(tmp_path / "m.keras")
    assert refusal.value.cause == "undefined-name"
    assert "'turn'" in refusal.value.what


def test_a_file_of_layers_without_an_import_is_refused(tmp_path: Path) -> None:
    model, code = _files(tmp_path, f"import numpy as np\n{SOURCE}")
    with pytest.raises(RefusedError) as refusal:
        _run_predict(model, code)
    assert refusal.value.cause == "undefined-name"
    assert "'half'" in refusal.value.what
    assert "--custom-objects" not in str(refusal.value.fix)


def test_a_name_that_only_training_needs_refuses_nothing(tmp_path: Path) -> None:
    model, code = _files(tmp_path, f"from keras import ops\n{SOURCE}")
    _run_predict(model, code)
    with pytest.raises(NameError):
        _run_predict(model, code, "training-call")


def test_other_errors_are_not_explained_by_a_name() -> None:
    assert undefined_name_error(NameError("cannot access free variable 'x'")) is None
    assert undefined_name_error(UnboundLocalError("name 'x' is not defined")) is None
    assert undefined_name_error(ValueError("name 'x' is not defined")) is None
