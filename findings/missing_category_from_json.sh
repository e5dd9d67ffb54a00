#!/usr/bin/env bash
# A category that is missing in a request (JSON null) is not the missing category of the training rows (NaN).
#
# scikit-learn 1.9.1: OneHotEncoder and OrdinalEncoder learn NaN as a category of its own, which is how a table marks a cell
# without a value. json.loads gives None for null. To the encoders, None is a category that they do not know: with
# handle_unknown="ignore" the whole block becomes zeros, with "use_encoded_value" the row gets the code of unknown values.
# Neither says anything, and both are numbers that a model takes. Without these settings the row is refused, as "unknown
# categories [None]". StandardScaler, in contrast, reads None as NaN.
#
# Seen: [0, 0, 1] for NaN and [0, 0, 0] for None; NaN and -1 for the codes; NaN for both from StandardScaler.
# Way out: rows = [[np.nan if value is None else value for value in row] for row in rows], before transform.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
venv=${FINDING_VENV:-$folder/venv}
if [ ! -x "$venv/bin/python" ]; then
    python3 -m venv "$venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check scikit-learn==1.9.1 numpy==2.4.6
fi
cd "$folder"
"$venv/bin/python" -W error - <<'EOF'
import json

import numpy as np
import sklearn
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

trained = np.array([["a"], ["b"], [np.nan]] * 5, dtype=object)
table = np.array([[np.nan]], dtype=object)
request = np.array(json.loads("[[null]]"), dtype=object)
blocks = OneHotEncoder(handle_unknown="ignore", sparse_output=False).fit(trained)
codes = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1).fit(trained)
numbers = StandardScaler().fit(np.array([[1.0], [2.0], [np.nan]]))
seen = {
    name: [encoder.transform(rows)[0].tolist() for rows in (table, request)]
    for name, encoder in (("OneHotEncoder", blocks), ("OrdinalEncoder", codes), ("StandardScaler", numbers))
}
print(f"scikit-learn {sklearn.__version__}: NaN of a table and None of a request: {seen}")
assert blocks.categories_[0].tolist()[:2] == ["a", "b"]
assert seen["OneHotEncoder"] == [[0.0, 0.0, 1.0], [0.0, 0.0, 0.0]]
assert np.isnan(seen["OrdinalEncoder"][0][0])
assert seen["OrdinalEncoder"][1] == [-1.0]
assert np.isnan(seen["StandardScaler"]).all()
EOF
