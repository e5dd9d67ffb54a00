#!/usr/bin/env bash
# include_optimizer=False changes nothing in a .keras file: the state of the optimizer is saved, without a warning.
#
# keras 3.15.1, tensorflow-cpu 2.21.0: model.save(path, include_optimizer=False) accepts the argument for every format, but
# only .h5 files become smaller. A .keras file stays three times as large as its weights.
#
# Seen: .keras 805,438 bytes with and without; .h5 807,344 bytes with, 275,520 without.
# Way out: keras.models.load_model(path, compile=False), and save that again: 274,664 bytes. A clone_model of it does not help.
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
import os

import keras
import numpy as np
from keras import layers

model = keras.Sequential([keras.Input((256,)), layers.Dense(256)])
model.compile("adam", "mse")
model.fit(np.zeros((4, 256)), np.zeros((4, 256)), verbose=0)
sizes = {}
for suffix in ("keras", "h5"):
    for kept in (True, False):
        model.save(f"model.{suffix}", include_optimizer=kept)
        sizes[suffix, kept] = os.path.getsize(f"model.{suffix}")
print(f"keras {keras.__version__}: bytes by format and include_optimizer: {sizes}")
copy = keras.models.load_model("model.keras", compile=False)
copy.save("copy.keras")
print(f"a copy without an optimizer: {os.path.getsize('copy.keras')} bytes")
weights = sum(np.asarray(each).nbytes for each in model.weights)
assert os.path.getsize("copy.keras") < sizes["keras", False] / 2
assert sizes["keras", False] == sizes["keras", True] > 3 * weights
assert sizes["h5", False] < sizes["h5", True] / 2
EOF
