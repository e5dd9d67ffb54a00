#!/usr/bin/env bash
# include_optimizer=False changes nothing in a .keras file: the state of the optimizer is saved, without a warning.
#
# keras 3.15.1, tensorflow-cpu 2.21.0: model.save(path, include_optimizer=False) accepts the argument for every format, but
# only .h5 files become smaller. A .keras file stays three times as large as its weights.
#
# Seen: .keras 65,849 bytes with and without; .h5 68,016 bytes with, 28,992 without.
# Way out: save a copy without an optimizer: copy = keras.models.clone_model(model); copy.set_weights(model.get_weights()).
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

model = keras.Sequential([keras.Input((64,)), layers.Dense(64)])
model.compile("adam", "mse")
model.fit(np.zeros((4, 64)), np.zeros((4, 64)), verbose=0)
sizes = {}
for suffix in ("keras", "h5"):
    for kept in (True, False):
        model.save(f"model.{suffix}", include_optimizer=kept)
        sizes[suffix, kept] = os.path.getsize(f"model.{suffix}")
print(f"keras {keras.__version__}: bytes by format and include_optimizer: {sizes}")
copy = keras.models.clone_model(model)
copy.set_weights(model.get_weights())
copy.save("copy.keras")
print(f"a copy without an optimizer: {os.path.getsize('copy.keras')} bytes")
weights = sum(np.asarray(each).nbytes for each in model.weights)
assert os.path.getsize("copy.keras") < sizes["keras", False] / 2
assert sizes["keras", False] == sizes["keras", True] > 3 * weights
assert sizes["h5", False] < sizes["h5", True] / 2
EOF
