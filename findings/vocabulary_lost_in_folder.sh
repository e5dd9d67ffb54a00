#!/usr/bin/env bash
# A vocabulary is lost if a model is saved as a folder under a relative path.
#
# keras 3.15.1, tensorflow-cpu 2.21.0: model.save("model", zipped=False) writes no assets/ folder, and says nothing. The
# loaded model fails on its first row: "Table not initialized". With an absolute path, the vocabulary is written and read.
#
# Seen: relative: config.json, metadata.json, model.weights.h5; absolute: also assets/layers/string_lookup/vocabulary.txt
# Way out: model.save(os.path.abspath("model"), zipped=False), or a .keras file.
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
from pathlib import Path

import keras
import numpy as np
from keras import layers

lookup = layers.StringLookup(output_mode="one_hot")
lookup.adapt(np.array(["a", "b", "c"]))
model = keras.Sequential([keras.Input((), dtype="string"), lookup])
row = keras.ops.convert_to_tensor(["b"])
works = {}
for kind, path in (("relative", "model"), ("absolute", os.path.abspath("model_too"))):
    model.save(path, zipped=False)
    files = sorted(str(each.relative_to(path)) for each in Path(path).rglob("*") if each.is_file())
    try:
        loaded = keras.models.load_model(path)
        works[kind] = bool((np.asarray(loaded(row)) == np.asarray(model(row))).all())
    except Exception as error:
        works[kind] = False
        print(type(error).__name__)
    print(f"keras {keras.__version__}: {kind} path: {', '.join(files)}; the loaded model works: {works[kind]}")
assert works == {"relative": False, "absolute": True}
EOF
