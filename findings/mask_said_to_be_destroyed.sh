#!/usr/bin/env bash
# Keras warns that a model inside a model destroys the mask, although the layers after it use the mask.
#
# keras 3.15.1, tensorflow-cpu 2.21.0: a functional model with MultiHeadAttention is called on a masked Embedding. The warning
# says "this layer does not support masking and will therefore destroy the mask information". predict nevertheless passes the
# mask on: the padded sequence gives the output of the sequence without padding, and a different one without the mask.
#
# Seen: a warning for the inner model; padded and unpadded differ by 0, without the mask by 0.015
# Way out: none is needed; a project that turns warnings into errors cannot build the model.
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

keras.utils.set_random_seed(1)
series = keras.Input((None, 8))
inner = keras.Model(series, layers.MultiHeadAttention(2, 4)(series, series), name="inner")
last = layers.LSTM(4)


def build(embedding):
    ids = keras.Input((None,), dtype="int32")
    return keras.Model(ids, last(inner(embedding(ids))))


masked, plain = layers.Embedding(10, 8, mask_zero=True), layers.Embedding(10, 8)
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    model = build(masked)
without = build(plain)
plain.set_weights(masked.get_weights())
told = any("destroy the mask" in str(each.message) and "'inner'" in str(each.message) for each in caught)
short, padded = np.array([[1, 2, 3]]), np.array([[1, 2, 3, 0, 0, 0]])
same, other = (
    float(np.abs(each.predict(padded, verbose=0) - each.predict(short, verbose=0)).max()) for each in (model, without)
)
print(f"keras {keras.__version__}: warned: {told}; padding changes the output by {same:.2g}, without a mask by {other:.2g}")
assert told and same < 1e-7 < 1e-4 < other
EOF
