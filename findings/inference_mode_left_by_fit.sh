#!/usr/bin/env bash
# fit() updates a BatchNormalization that the graph calls with training=False, as transfer learning does.
#
# keras 3.15.1, tensorflow-cpu 2.21.0: model(x, training=True), which fit() runs, gives its flag to the layers of a functional
# graph, and the training=False of base(x, training=False) is lost once the base is unfrozen. The moving statistics of the
# pretrained layers move to the new rows, and training sees the statistics of each batch (keras#20285; the guide to transfer
# learning promised the opposite until then, and code written after it still relies on that).
#
# Seen: one epoch of fit() changes the moving mean; a layer with trainable=False keeps it
# Way out: leave trainable=False on the BatchNormalization layers of the base when the others are unfrozen.
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
rows, targets = np.random.default_rng(0).normal(8.0, 3.0, (64, 5)).astype("float32"), np.zeros((64, 1), "float32")


def change(freezes: bool) -> float:
    """How far one epoch moves the statistics of the base; the base is unfrozen, its BatchNormalization if wanted."""
    normal = layers.BatchNormalization(momentum=0.9)
    base = keras.Sequential([keras.Input((5,)), layers.Dense(4), normal])
    inputs = keras.Input((5,))
    model = keras.Model(inputs, layers.Dense(1)(base(inputs, training=False)))
    base.trainable = True
    normal.trainable = not freezes
    model.compile("sgd", "mse")
    before = normal.moving_mean.numpy().copy()
    model.fit(rows, targets, epochs=1, verbose=0)
    return float(np.abs(normal.moving_mean.numpy() - before).max())


moved, kept = change(freezes=False), change(freezes=True)
print(f"keras {keras.__version__}: fit() changes a moving mean by {moved:.2g}, of a layer that is not trainable by {kept:.2g}")
assert kept == 0.0 < 0.1 < moved
EOF
