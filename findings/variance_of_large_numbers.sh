#!/usr/bin/env bash
# Normalization.adapt on a dataset of numbers around 1e25 stores a variance of NaN, and says nothing.
#
# keras 3.15.1, tensorflow-cpu 2.21.0: adapt squares in float32, where 1e50 is infinite. From a tf.data dataset the variance
# becomes NaN and every output too; from an array it is infinite (NumPy then warns of an overflow) and every output is 0.
# float32 holds the numbers, their mean and their standard deviation of 8e24 without trouble.
#
# Seen: dataset: variance nan, outputs nan; array: variance inf, outputs 0
# Way out: layers.Rescaling(1e-25) before it.
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
import tensorflow as tf
from keras import layers

rows = np.array([[1e25], [3e25], [2e25]], "float32")
seen = {}
for kind, source in (("dataset", tf.data.Dataset.from_tensor_slices(rows).batch(2)), ("array", rows)):
    layer = layers.Normalization()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        layer.adapt(source)
    variance, outputs = float(layer.variance[0, 0]), np.asarray(layer(rows)).ravel()
    seen[kind] = (variance, outputs, len(caught))
    print(f"keras {keras.__version__}: {kind}: variance {variance}, outputs {outputs}, {len(caught)} warnings")
print(f"the standard deviation in float64: {rows.astype('float64').std():.3g}")
layer = layers.Normalization()
layer.adapt(tf.data.Dataset.from_tensor_slices(layers.Rescaling(1e-25)(rows)).batch(2))
rescaled = np.asarray(layer(layers.Rescaling(1e-25)(rows))).ravel()
print(f"after Rescaling(1e-25): {rescaled}")
assert np.abs(rescaled).max() > 1
assert np.isnan(seen["dataset"][0]) and np.isnan(seen["dataset"][1]).all() and seen["dataset"][2] == 0
assert np.isinf(seen["array"][0]) and (seen["array"][1] == 0).all()
EOF
