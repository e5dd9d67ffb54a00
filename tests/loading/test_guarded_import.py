"""Scripts given with --custom-objects: training is stopped, and an error names its line."""

from __future__ import annotations

from pathlib import Path

import keras
import pytest
import tensorflow as tf

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


LOOP = """
import tensorflow as tf, keras
{variable}
while True:
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(w ** 2)
    g = tape.gradient(loss, {source})
    {step}
"""
KERAS, OWN = "w = keras.Variable([1.0, 2.0])", "w = tf.Variable([1.0, 2.0])"


@pytest.mark.parametrize(
    ("variable", "source", "step", "method"),
    [
        (OWN, "w", "w.assign_sub(0.1 * g)", "assign_sub"),
        (OWN, "w", "w.assign(w - 0.1 * g)", "assign"),
        (KERAS, "w.value", "w.assign_sub(0.1 * g)", "assign_sub"),
        (KERAS, "w.value", "w.assign(w - 0.1 * g)", "assign"),
        (OWN, "w", "w.assign_add(-0.1 * g)", "assign_add"),
    ],
)
def test_a_loop_without_an_optimizer_is_stopped(
    variable: str, source: str, step: str, method: str, tmp_path: Path
) -> None:
    file = tmp_path / "train.py"
    file.write_text(LOOP.format(variable=variable, source=source, step=step), encoding="utf-8")
    before = tf.GradientTape.gradient, keras.Variable.assign
    with pytest.raises(UsageError, match=rf"trains .* stopped at \.{method}\(\) in line 8"):
        import_custom_objects([file])
    assert (tf.GradientTape.gradient, keras.Variable.assign) == before


@pytest.mark.parametrize("catching", ["@tf.function\ndef step():", "try:", "for _ in range(3):"])
def test_a_loop_that_catches_exceptions_or_is_compiled_is_stopped(catching: str, tmp_path: Path) -> None:
    step = "optimizer.apply_gradients([(tf.ones(1), w)])"
    after = {"@": "\nwhile True:\n    step()\n", "t": "\nexcept Exception:\n    pass\n"}.get(
        catching[0], "\n"
    )
    file = tmp_path / "train.py"
    file.write_text(
        "import tensorflow as tf, keras\nw = keras.Variable([1.0])\noptimizer = keras.optimizers.SGD()\n"
        f"{catching}\n    {step}{after}",
        encoding="utf-8",
    )
    with pytest.raises(UsageError, match=r"trains .* stopped at \.apply_gradients\(\) in line \d"):
        import_custom_objects([file])


@pytest.mark.parametrize(
    "code",
    [
        "with tf.GradientTape() as t:\n    y = w ** 2\nslope = t.gradient(y, w.value)",
        "w.assign([3.0])",
        "with tf.GradientTape() as t:\n    y = w ** 2\nt.gradient(y, w.value)\n"
        "keras.layers.Dropout(0.5)(tf.ones((2, 2)), training=True)\n"
        "keras.layers.BatchNormalization()(tf.ones((2, 2)), training=True)",
    ],
    ids=["a gradient", "a constant", "a trial of layers"],
)
def test_a_file_that_computes_at_its_top_level_is_imported(code: str, tmp_path: Path) -> None:
    file = tmp_path / "layers.py"
    file.write_text(
        f"import tensorflow as tf, keras\nw = keras.Variable([1.0])\n{code}\ndef f(x):\n    return x\n"
    )
    assert list(import_custom_objects([file])) == ["f"]


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
