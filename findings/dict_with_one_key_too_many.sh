#!/usr/bin/env bash
# predict with a dict of rows that has one key too many feeds inputs by the sorted position of the keys.
#
# keras 3.15.1, tensorflow-cpu 2.21.0: a model with the dict of inputs {"b", "c"} gets {"a", "b", "c"}. Keras warns that the
# structure does not match, and then feeds "a" as "b" and "b" as "c": the outputs are wrong. A surplus key that sorts last
# does no harm, which hides the fault. A model whose inputs are a list takes what it needs by name.
#
# Seen: 5 - 1 = 4 without "a"; 100 - 5 = 95 with "a": 100; 4 with "z": 100; 4 with a list of inputs and "a".
# Way out: pass only the keys of the model: {name: rows[name] for name in model.input}.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
venv=${FINDING_VENV:-$folder/venv}
if [ ! -x "$venv/bin/python" ]; then
    python3 -m venv "$venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check keras==3.15.1 tensorflow-cpu==2.21.0 numpy==2.4.6
fi
cd "$folder"
TF_CPP_MIN_LOG_LEVEL=3 "$venv/bin/python" - <<'EOF'
import warnings

import keras
import numpy as np
from keras import layers

warnings.simplefilter("ignore")
left, right = keras.Input((1,), name="b"), keras.Input((1,), name="c")
difference = layers.Subtract()([left, right])
by_dict, by_list = keras.Model({"b": left, "c": right}, difference), keras.Model([left, right], difference)
rows = {"b": np.array([[5.0]]), "c": np.array([[1.0]])}
surplus = np.array([[100.0]])
seen = {
    "no key too many": by_dict.predict(rows, verbose=0),
    "first": by_dict.predict({"a": surplus, **rows}, verbose=0),
    "last": by_dict.predict({**rows, "z": surplus}, verbose=0),
    "first, list of inputs": by_list.predict({"a": surplus, **rows}, verbose=0),
}
seen = {name: float(values[0, 0]) for name, values in seen.items()}
print(f"keras {keras.__version__}: 5 - 1 with a surplus key of 100: {seen}")
assert list(seen.values()) == [4.0, 95.0, 4.0, 4.0]
EOF
