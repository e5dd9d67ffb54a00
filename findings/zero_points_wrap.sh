#!/usr/bin/env bash
# GPTQ and AWQ turn the weights of a group into large numbers of the other sign if all of them are positive.
#
# keras 3.15.1, tensorflow-cpu 2.21.0: a group whose smallest weight is above zero has a zero point below zero, and Keras
# stores zero points as uint8: -17 becomes 239. The weights that the layer computes with are 256 steps lower. No warning.
#
# Seen: weights from 0.5 to 0.9, quantised -5.79 to -4.93 by GPTQ and by AWQ; with one weight of -0.1 in each group right.
# GPTQConfig(symmetric=True) does not help: its zero point is always 8, and the same weights are cut, off by 0.72.
# Way out: quantize("int8").
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
venv=${FINDING_VENV:-$folder/venv}
if [ ! -x "$venv/bin/python" ]; then
    python3 -m venv "$venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check keras==3.15.1 tensorflow-cpu==2.21.0 numpy==2.4.6
fi
cd "$folder"
TF_CPP_MIN_LOG_LEVEL=3 "$venv/bin/python" - 2>/dev/null <<'EOF'
import keras
import numpy as np
from keras import layers

EYE = np.eye(16, dtype="float32")


def weights(config, smallest=None, **options):
    """The weights that a quantised layer computes with: its outputs for rows with a single 1."""
    keras.utils.set_random_seed(0)
    table, dense = layers.Embedding(30, 16), layers.Dense(4, use_bias=False)
    model = keras.Sequential([keras.Input((5,), dtype="int32"), table, dense])
    kernel = np.random.default_rng(0).uniform(0.5, 0.9, size=(16, 4)).astype("float32")
    if smallest is not None:
        kernel[0] = smallest
    dense.set_weights([kernel])
    structure = {"pre_block_layers": [table], "sequential_blocks": [dense]}
    ids = np.random.default_rng(1).integers(0, 30, size=(32, 1, 5))
    stated = {"num_samples": 32, "sequence_length": 5, "group_size": -1, "quantization_layer_structure": structure}
    model.quantize(config=config(list(ids), tokenizer=lambda each: each, **stated, **options))
    return np.asarray(dense(EYE)), kernel


print(f"keras {keras.__version__}")
for config in (keras.quantizers.GPTQConfig, keras.quantizers.AWQConfig):
    wrong, kernel = weights(config)
    right, other = weights(config, smallest=-0.1)
    print(f"{config.__name__}: {kernel.min():.2f} to {kernel.max():.2f} became {wrong.min():.2f} to {wrong.max():.2f}; "
          f"with a negative weight off by at most {np.abs(right - other).max():.2f}")
    assert wrong.max() < -4
    assert np.abs(right - other).max() < 0.2
symmetric, kernel = weights(keras.quantizers.GPTQConfig, symmetric=True)
print(f"symmetric: off by at most {np.abs(symmetric - kernel).max():.2f}")
assert np.abs(symmetric - kernel).max() > 0.5
EOF
