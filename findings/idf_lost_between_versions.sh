#!/usr/bin/env bash
# A TfidfVectorizer that scikit-learn 1.4 pickled answers without its idf in 1.9, and no error says so.
#
# scikit-learn 1.4.2 writes, 1.9.1 reads (numpy 1.26.4 and 2.4.6): the old class kept the idf in _idf_diag, the new one looks
# for idf_ and leaves the weights out if it is absent. The only sign is the version warning that every old pickle gives.
#
# Seen: outputs differ by up to 0.24 of at most 0.73; 0 after idf_ is set from the old diagonal
# Way out: v._tfidf.idf_ = v._tfidf._idf_diag.diagonal(), or fit again.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
install() {
    python3 -m venv "$folder/$1"
    "$folder/$1/bin/python" -m pip install --quiet --disable-pip-version-check "${@:2}"
}
install old scikit-learn==1.4.2 numpy==1.26.4
install new scikit-learn==1.9.1 numpy==2.4.6
cd "$folder"
old/bin/python - <<'EOF'
import pickle

from sklearn.feature_extraction.text import TfidfVectorizer

texts = ["the cat sat", "the dog sat", "the cat ran", "the bird flew over the house"]
vectorizer = TfidfVectorizer().fit(texts)
with open("vectorizer.pkl", "wb") as file:
    pickle.dump((vectorizer, texts, vectorizer.transform(texts).toarray().tolist()), file)
EOF
new/bin/python - <<'EOF'
import pickle
import warnings

import numpy as np
import sklearn

with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    with open("vectorizer.pkl", "rb") as file:
        vectorizer, texts, wanted = pickle.load(file)
    found = vectorizer.transform(texts).toarray()
wrong = float(np.abs(found - wanted).max())
kinds = {type(each.message).__name__ for each in caught}
inner = vectorizer._tfidf
inner.idf_ = np.asarray(inner.__dict__["_idf_diag"].diagonal())
fixed = float(np.abs(vectorizer.transform(texts).toarray() - wanted).max())
print(f"scikit-learn {sklearn.__version__}: off by {wrong:.2g} of {np.max(wanted):.2g}, after the fix by {fixed:.2g}; warned: {kinds}")
assert wrong > 0.05 and fixed < 1e-12
assert kinds == {"InconsistentVersionWarning"}
EOF
