"""Scripts given with --custom-objects: training is stopped, and an error names its line."""

from __future__ import annotations

from pathlib import Path

import keras
import pytest

from keras_consistency_cli.errors import UsageError
from keras_consistency_cli.loading.model.load import import_custom_objects

FIT = "import keras\nm = keras.Sequential([keras.layers.Dense(1)])\nm.{call}\n"


@pytest.mark.parametrize("call", ["fit(None, epochs=10**9)", "train_on_batch(None)"])
def test_a_script_that_trains_is_stopped(call: str, tmp_path: Path) -> None:
    file = tmp_path / "train.py"
    file.write_text(FIT.format(call=call), encoding="utf-8")
    before = keras.Model.fit
    with pytest.raises(UsageError, match=r"stopped at \.\w+\(\) in line 3") as raised:
        import_custom_objects([file])
    assert "__main__" in (raised.value.fix or "")
    assert keras.Model.fit is before


def test_a_loop_of_the_users_own_is_stopped(tmp_path: Path) -> None:
    file = tmp_path / "train.py"
    file.write_text(
        "import keras\nv = keras.Variable([1.0])\noptimizer = keras.optimizers.Adam()\n"
        "while True:\n    optimizer.apply_gradients([(keras.ops.ones(1), v)])\n",
        encoding="utf-8",
    )
    before = keras.optimizers.Optimizer.apply_gradients
    with pytest.raises(UsageError, match=r"trains .* stopped at \.apply_gradients\(\) in line 5"):
        import_custom_objects([file])
    assert keras.optimizers.Optimizer.apply_gradients is before


def test_training_below_the_guard_is_not_run(tmp_path: Path) -> None:
    file = tmp_path / "layers.py"
    file.write_text("def f(x):\n    return x\nif __name__ == '__main__':\n    raise SystemExit\n")
    assert list(import_custom_objects([file])) == ["f"]


@pytest.mark.parametrize(
    ("code", "has_fix"), [("open('no such file')", True), ("exit(2)", True), ("import nothing_here", False)]
)
def test_an_error_names_its_line(code: str, has_fix: bool, tmp_path: Path) -> None:
    file = tmp_path / "layers.py"
    file.write_text(f"x = 1\n{code}\n", encoding="utf-8")
    with pytest.raises(UsageError, match="line 2") as raised:
        import_custom_objects([file])
    assert bool(raised.value.fix) is has_fix
