#!/usr/bin/env bash
# Normalization under mixed_float16 turns every feature with a standard deviation above 255 into zeros.
#
# keras 3.15.1, tensorflow-cpu 2.21.0: the layer casts its variance to float16, where numbers above 65504 are infinite, and
# then divides by infinity. adapt() and the calls say nothing. With dtype="float32" the layer is right.
#
# Seen: mixed_float16: variance inf, largest output 0.0; float32: largest output 3.8
# Way out: layers.Normalization(dtype="float32"), which a policy for the whole model does not reach.
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

rows = np.random.default_rng(0).normal(1000, 300, size=(500, 1)).astype("float32")
largest = {}
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    for policy in ("mixed_float16", "float32"):
        layer = layers.Normalization(dtype=policy)
        layer.adapt(rows)
        largest[policy] = float(np.abs(np.asarray(layer(rows), "float32")).max())
        print(f"keras {keras.__version__}: {policy}: variance {float(layer.variance[0, 0])}, largest output {largest[policy]:.2g}")
print(f"warnings: {[str(each.message) for each in caught if 'overflow' in str(each.message)]}")
assert largest["mixed_float16"] == 0.0
assert 2 < largest["float32"] < 5
EOF
