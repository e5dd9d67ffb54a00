#!/usr/bin/env bash
# quantize("int8") makes TimeDistributed(Dense) give outputs more than a hundred times too large, and saving keeps them.
#
# keras 3.15.1, tensorflow-cpu 2.21.0: TimeDistributed runs the call() of its layer, which multiplies by the whole numbers of
# the quantised kernel. Their scale is applied only if the layer itself is called. No warning names the layer.
#
# Seen: largest output 3.8 in floats, 904 quantised, 904 after saving and loading; 3.8 with Dense in its place.
# Way out: Dense without TimeDistributed, which works on the last axis, or quantize with filters= that leave it out.
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

rows = np.random.default_rng(0).normal(size=(8, 5, 16)).astype("float32")


def largest(model):
    return float(np.abs(model.predict(rows, verbose=0)).max())


keras.utils.set_random_seed(0)
model = keras.Sequential([keras.Input((5, 16)), layers.TimeDistributed(layers.Dense(4, name="inside"), name="steps")])
plain = keras.Sequential([keras.Input((5, 16)), layers.Dense(4)])
plain.set_weights(model.get_weights())
floats = largest(model)
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    model.quantize("int8")
    plain.quantize("int8")
naming = [str(each.message) for each in caught if "steps" in str(each.message) or "inside" in str(each.message)]
model.save("quantised.keras")
quantised, loaded = largest(model), largest(keras.models.load_model("quantised.keras"))
print(f"keras {keras.__version__}: floats {floats:.3g}, quantised {quantised:.3g}, loaded {loaded:.3g}, Dense {largest(plain):.3g}")
assert quantised > 100 * floats
assert loaded == quantised
assert abs(largest(plain) - floats) < 0.05 * floats
assert not naming
EOF
