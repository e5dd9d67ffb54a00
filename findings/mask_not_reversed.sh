#!/usr/bin/env bash
# A recurrent layer with go_backwards=True returns its time steps in the opposite order, and its mask in the old order.
#
# keras 3.15.1, tensorflow-cpu 2.21.0: with return_sequences=True the padding is at the other end of the outputs, but the mask
# that the next layer gets still marks the old end (keras#3737 of 2016). The next layer skips true time steps and reads the
# padding, without a warning. Bidirectional is right: it puts its second half back in order.
#
# Seen: with three time steps of padding the output changes; with the mask reversed, it does not
# Way out: give the reversed mask to the next layer: layer(x, mask=keras.ops.flip(mask, axis=1)).
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
import keras
import numpy as np
from keras import layers

keras.utils.set_random_seed(1)
ids = keras.Input((None,), dtype="int32")
embedding = layers.Embedding(10, 8, mask_zero=True, embeddings_initializer="normal")
back, last = layers.GRU(6, return_sequences=True, go_backwards=True), layers.GRU(4)
steps = back(embedding(ids))
model = keras.Model(ids, last(steps))
reversed_mask = keras.ops.flip(embedding.compute_mask(ids), axis=1)
repaired = keras.Model(ids, last(steps, mask=reversed_mask))
short, padded = np.array([[1, 2, 3, 4]]), np.array([[1, 2, 3, 4, 0, 0, 0]])
off, left = (
    float(np.abs(each.predict(padded, verbose=0) - each.predict(short, verbose=0)).max()) for each in (model, repaired)
)
print(f"keras {keras.__version__}: padding changes the output by {off:.2g}, with the mask reversed by {left:.2g}")
assert left < 1e-7 < 1e-4 < off
EOF
