#!/usr/bin/env bash
# A model quantised by GPTQ or AWQ is saved without the zero points of its weights, and Keras cannot load the file.
#
# keras 3.15.1, tensorflow-cpu 2.21.0: save() writes no error and no warning. The zero points are in no part of the file, so
# that its weights cannot be read back by other means either.
#
# Seen: ValueError: Layer 'head' expected 4 variables, but received 3 variables during loading.
# Way out: keep the file of the model in floats, and quantise after loading.
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
import zipfile

import h5py
import keras
import numpy as np
from keras import layers

print(f"keras {keras.__version__}")
for config in (keras.quantizers.GPTQConfig, keras.quantizers.AWQConfig):
    keras.utils.set_random_seed(0)
    table, dense = layers.Embedding(30, 16), layers.Dense(4, use_bias=False, name="head")
    model = keras.Sequential([keras.Input((5,), dtype="int32"), table, dense])
    # Named in the config, the layers of the structure would end save() with a RecursionError.
    model.get_quantization_layer_structure = lambda mode: {"pre_block_layers": [table], "sequential_blocks": [dense]}
    ids = np.random.default_rng(1).integers(0, 30, size=(32, 1, 5))
    stated = {"num_samples": 32, "sequence_length": 5, "group_size": -1}
    model.quantize(config=config(list(ids), tokenizer=lambda each: each, **stated))
    zero_points = np.asarray(dense.kernel_zero).ravel()
    model.save("quantised.keras")
    with zipfile.ZipFile("quantised.keras") as archive, archive.open("model.weights.h5") as weights:
        with h5py.File(weights) as file:
            stored = [np.asarray(each) for each in file["layers/dense/vars"].values()]
    found = [each for each in stored if each.size == zero_points.size and np.array_equal(each.ravel(), zero_points)]
    try:
        keras.models.load_model("quantised.keras")
    except ValueError as error:
        message = str(error)
    print(f"{config.__name__}: {len(stored)} variables stored, zero points {zero_points.tolist()} in {len(found)} of them")
    print("   ", next(line for line in message.splitlines() if "expected" in line))
    assert not found
    assert f"received {len(stored)} variables" in message
EOF
