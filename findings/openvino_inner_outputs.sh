#!/usr/bin/env bash
# A model with one output has three in OpenVINO if it holds an unrolled recurrent layer, and two if it holds attention.
#
# keras 3.15.1, tensorflow-cpu 2.21.0, openvino 2026.4.1: model.export(format="openvino") makes an output of values inside the
# layer that nothing else reads (the input of the first time step, the stacked states, a size). Nothing is said, and the first
# output is right. Code that takes the last output, or that compares numbers of outputs, goes wrong. Dense layers and
# convolutions have no surplus output.
#
# Seen: outputs of LSTM(unroll=True): 3, MultiHeadAttention: 2, Dense: 1; in ONNX and LiteRT: 1 each.
# Way out: take the output by the name that the exporter numbered, "Identity:0", "Identity_1:0" and so on.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
venv=${FINDING_VENV:-$folder/venv}
if [ ! -x "$venv/bin/python" ]; then
    python3 -m venv "$venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check \
        keras==3.15.1 tensorflow-cpu==2.21.0 numpy==2.4.6 openvino==2026.4.1
fi
cd "$folder"
TF_CPP_MIN_LOG_LEVEL=3 "$venv/bin/python" - <<'EOF'
import keras
import numpy as np
import openvino
from keras import layers


def attention(x):
    return layers.GlobalAveragePooling1D()(layers.MultiHeadAttention(2, 4)(x, x))


bodies = {
    "LSTM(unroll=True)": layers.LSTM(4, unroll=True),
    "MultiHeadAttention": attention,
    "Dense": lambda x: layers.Dense(4)(layers.Flatten()(x)),
}
core, rows, seen = openvino.Core(), np.ones((3, 5, 8), np.float32), {}
for name, body in bodies.items():
    x = keras.Input((5, 8), name="x")
    model = keras.Model(x, layers.Dense(2)(body(x)))
    model.export("m.xml", format="openvino", verbose=False)
    exported = core.read_model("m.xml")
    compiled = core.compile_model(exported, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    numbered = next(each for each in compiled.outputs if "Identity:0" in each.get_names())
    assert np.allclose(compiled(rows)[numbered], model.predict(rows, verbose=0), atol=1e-5)
    seen[name] = len(exported.outputs)
print(f"keras {keras.__version__}, openvino {openvino.__version__[:8]}: outputs of models with one output: {seen}")
assert seen == {"LSTM(unroll=True)": 3, "MultiHeadAttention": 2, "Dense": 1}
EOF
