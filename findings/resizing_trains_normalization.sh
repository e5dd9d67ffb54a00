#!/usr/bin/env bash
# Resizing and CenterCrop put every BatchNormalization behind them in training mode, in a model that is only called.
#
# keras 3.15.1, tensorflow-cpu 2.21.0: both layers draw no random numbers, yet their call() has training=True as its default, which
# they share with the layers of augmentation. In a functional model that is called as model(x), the layers behind get that value,
# unless one is given. model.predict gives training=False, and so does not show it. Rescaling has no such argument.
#
# Seen: model(x) normalizes with the statistics of the batch and moves the moving mean by 0.05; behind Rescaling it does neither
# Way out: model(x, training=False), also in the function that is exported.
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
import keras
import numpy as np
from keras import layers

rows = np.random.default_rng(0).normal(5.0, 2.0, (16, 8, 8, 3)).astype("float32")


def call(first: keras.layers.Layer) -> tuple[float, float]:
    """The mean of the outputs of model(x), and how far the call moves the moving mean."""
    normal = layers.BatchNormalization()
    inputs = keras.Input((8, 8, 3))
    model = keras.Model(inputs, normal(first(inputs)))
    before = normal.moving_mean.numpy().copy()
    outputs = keras.ops.convert_to_numpy(model(rows))
    return float(outputs.mean()), float(np.abs(normal.moving_mean.numpy() - before).max())


found = {first.__class__.__name__: call(first) for first in (layers.Resizing(8, 8), layers.CenterCrop(8, 8), layers.Rescaling(1.0))}
for name, (mean, moved) in found.items():
    print(f"keras {keras.__version__}: {name:10} in front: outputs of mean {mean:.2f}, the moving mean moves by {moved:.2g}")
assert all(abs(found[name][0]) < 0.01 and found[name][1] > 0.04 for name in ("Resizing", "CenterCrop"))
assert found["Rescaling"][0] > 4.5 and found["Rescaling"][1] == 0.0
PYTHON
