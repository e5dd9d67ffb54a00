#!/usr/bin/env bash
# A weight that a subclass of Dense adds with add_weight is trained and used, but not saved; the file cannot be loaded.
#
# keras 3.15.1, tensorflow-cpu 2.21.0: Dense, EinsumDense, Embedding and convolutions write their weights by name in
# save_own_variables, and a subclass inherits that. save() gives no warning. A subclass of LayerNormalization or LSTM, which
# have no such method, saves and loads all weights.
#
# Seen: Dense, Conv1D and Embedding with one more weight: load_model raises ValueError, the file lacks the weight;
# LayerNormalization with one more weight: the same outputs after loading.
# Way out: a layer that holds a Dense instead of deriving from it, or save_own_variables and load_own_variables of its own.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
venv=${FINDING_VENV:-$folder/venv}
if [ ! -x "$venv/bin/python" ]; then
    python3 -m venv "$venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check keras==3.15.1 tensorflow-cpu==2.21.0 numpy==2.4.6
fi
cd "$folder"
TF_CPP_MIN_LOG_LEVEL=3 "$venv/bin/python" - <<'PYTHON'
import warnings

import keras
import numpy as np
from keras import layers


class OneMore:
    """One more weight than the class of Keras that follows."""

    def build(self, input_shape):
        super().build(input_shape)
        self.gain = self.add_weight(shape=(), initializer="ones", name="gain")

    def call(self, inputs):
        return super().call(inputs) * self.gain


def loads(base, shape, **arguments):
    kind = keras.saving.register_keras_serializable("own")(type(f"More{base.__name__}", (OneMore, base), {}))
    model = keras.Sequential([keras.Input(shape), kind(**arguments)])
    model.layers[-1].gain.assign(2.5)
    rows = np.ones((2, *shape), "float32")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.save("model.keras")
    assert not any("gain" in str(each.message) or "variable" in str(each.message) for each in caught)
    try:
        loaded = keras.models.load_model("model.keras")
    except ValueError as problem:
        assert "variables during loading" in str(problem)
        return False
    return np.array_equal(loaded.predict(rows, verbose=0), model.predict(rows, verbose=0))


found = {
    "Dense": loads(layers.Dense, (4,), units=3),
    "Conv1D": loads(layers.Conv1D, (5, 4), filters=3, kernel_size=2),
    "Embedding": loads(layers.Embedding, (4,), input_dim=7, output_dim=3),
    "LayerNormalization": loads(layers.LayerNormalization, (4,)),
}
print(f"keras {keras.__version__}: a subclass with one more weight loads with the same outputs: {found}")
assert found == {"Dense": False, "Conv1D": False, "Embedding": False, "LayerNormalization": True}
PYTHON
