"""Measure which estimators survive a change of scikit-learn: written by old versions, read by this one.

    python scripts/scaler_versions.py                  print the table
    python scripts/scaler_versions.py --keep FOLDER    keep the environments there, and use those that exist

Each old version is installed into an environment of its own, where this script runs as a writer.
"""

from __future__ import annotations

import argparse
import io
import pickle
import subprocess
import sys
import tempfile
import venv
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import joblib
import numpy as np
import sklearn
from sklearn import compose, decomposition, feature_extraction, feature_selection, impute, pipeline
from sklearn import preprocessing as pre

__all__ = ["WRITERS", "Reading", "main", "measure", "table"]

WRITERS = {
    "1.2.2": ("numpy==1.26.4", "pandas==2.3.3"),
    "1.4.2": ("numpy==1.26.4", "pandas==2.3.3"),
    "1.6.1": ("numpy==2.2.6", "pandas==2.3.3"),
}
"""The versions that write, with what is installed beside them."""
_BESIDE = ("joblib==1.6.0", "skops==0.16.0")
_FORMS = ("pickle 4", "pickle 5", "joblib", "skops")
_TEXTS = np.array(["the cat sat", "the dog sat", "the cat ran", "a bird flew over the house"])
_SAME = 1e-9
"""As a share of the largest output."""


class Reading(NamedTuple):
    """How a file of one estimator reads: alike, with other numbers, or with an error."""

    kind: str
    note: str = ""
    lost: tuple[str, ...] = ()
    """What fit() sets in this version, and the estimator from the file does not have."""

    def __str__(self) -> str:
        return f"{self.kind}: {self.note}" if self.note else self.kind


def _rows() -> dict[str, Any]:
    random = np.random.default_rng(0)
    numbers = random.normal(3.0, 2.0, size=(80, 3))
    holes = np.where(random.random((80, 3)) < 0.1, np.nan, numbers)
    counts = random.integers(0, 4, size=(80, 3)).astype(float)
    return {"numbers": numbers, "holes": holes, "counts": counts, "texts": _TEXTS}


def _estimators() -> Iterator[tuple[str, Any, str]]:
    """Yield names, estimators and the rows that they are fitted on."""
    columns = [("scaled", pre.StandardScaler(), [0, 1])]
    plain = (
        *(pre.StandardScaler(), pre.MinMaxScaler(), pre.MaxAbsScaler(), pre.RobustScaler()),
        *(pre.QuantileTransformer(n_quantiles=20), pre.PowerTransformer(), pre.Normalizer()),
        *(pre.PolynomialFeatures(2), pre.SplineTransformer(), decomposition.PCA(2)),
        feature_selection.VarianceThreshold(),
    )
    yield from ((type(each).__name__, each, "numbers") for each in plain)
    for coded in (pre.OneHotEncoder(), pre.OrdinalEncoder(), feature_extraction.text.TfidfTransformer()):
        yield type(coded).__name__, coded, "counts"
    yield "KBinsDiscretizer", pre.KBinsDiscretizer(4, strategy="uniform"), "numbers"
    yield "SimpleImputer", impute.SimpleImputer(), "holes"
    yield "SimpleImputer(constant)", impute.SimpleImputer(strategy="constant", fill_value=0.0), "holes"
    yield "KNNImputer", impute.KNNImputer(), "holes"
    yield (
        "Pipeline of StandardScaler and PCA",
        pipeline.make_pipeline(pre.StandardScaler(), decomposition.PCA(2)),
        "numbers",
    )
    for remainder in ("passthrough", "drop"):
        chosen = compose.ColumnTransformer(columns, remainder=remainder)
        yield f"ColumnTransformer({remainder})", chosen, "numbers"
    yield "TfidfVectorizer", feature_extraction.text.TfidfVectorizer(), "texts"


def _write(folder: Path) -> None:
    """Fit every estimator and write it in each form, with what it makes of its rows."""
    import skops.io

    rows, wanted = _rows(), {}
    for number, (_, estimator, kind) in enumerate(_estimators()):
        estimator.fit(rows[kind])
        wanted[str(number)] = _transform(estimator, rows[kind])
        for form in ("pickle 4", "pickle 5"):
            path = folder / f"{number}.{form}"
            path.write_bytes(pickle.dumps(estimator, protocol=int(form[-1])))
        joblib.dump(estimator, folder / f"{number}.joblib")
        try:
            skops.io.dump(estimator, folder / f"{number}.skops")
        except Exception as error:  # skops may be too new for the oldest versions
            print(f"skops: {type(estimator).__name__}: {error}", file=sys.stderr)
    np.savez(folder / "wanted.npz", allow_pickle=False, **wanted)


def _transform(estimator: Any, rows: Any) -> np.ndarray:
    result = estimator.transform(rows)
    return np.asarray(result.toarray() if hasattr(result, "toarray") else result, dtype=float)


def _read(path: Path, fresh: Any, rows: Any, wanted: np.ndarray) -> Reading:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            estimator = _load(path)
            found = _transform(estimator, rows)
            fresh.fit(rows)
    except Exception as error:
        return Reading("fails", f"{type(error).__name__}: {str(error).splitlines()[0][:60]}")
    lost = tuple(sorted({name for name in vars(fresh) if _is_fitted(name)} - set(vars(estimator))))
    largest, off = float(np.abs(wanted).max()), float(np.nanmax(np.abs(found - wanted)))
    if off <= _SAME * largest:
        return Reading("same", lost=lost)
    return Reading("other numbers", f"off by {off:.2g} of {largest:.2g}, no error", lost)


def _is_fitted(name: str) -> bool:
    return name.endswith("_") and not name.startswith("_")


def _load(path: Path) -> Any:
    if path.suffix == ".skops":
        import skops.io

        content = path.read_bytes()
        return skops.io.loads(content, trusted=skops.io.get_untrusted_types(data=content))
    if path.suffix == ".joblib":
        return joblib.load(path)
    return pickle.load(io.BytesIO(path.read_bytes()))  # noqa: S301 - written by this script


def _python(version: str, beside: Sequence[str], folder: Path) -> Path:
    """Return the interpreter of an environment with this version; it is made if it is missing."""
    home = folder / version
    python = home / "bin" / "python"
    if not python.exists():
        venv.create(home, with_pip=True)
        packages = [f"scikit-learn=={version}", *beside, *_BESIDE]
        subprocess.run([python, "-m", "pip", "install", "--quiet", *packages], check=True)
    return python


def measure(folder: Path) -> dict[str, dict[str, dict[str, Reading]]]:
    """Return what this scikit-learn makes of the files, by estimator, version and form."""
    readings: dict[str, dict[str, dict[str, Reading]]] = {name: {} for name, _, _ in _estimators()}
    rows = _rows()
    for version, beside in WRITERS.items():
        with tempfile.TemporaryDirectory(prefix="kcheck-") as place:
            files = Path(place)
            python = _python(version, beside, folder)
            subprocess.run([python, "-W", "ignore", __file__, "--write", files], check=True)
            wanted = np.load(files / "wanted.npz")
            for number, (name, fresh, kind) in enumerate(_estimators()):
                paths = {form: _path(files, number, form) for form in _FORMS}
                readings[name][version] = {
                    form: _read(path, fresh, rows[kind], wanted[str(number)])
                    for form, path in paths.items()
                    if path.exists()
                }
    return readings


def _path(folder: Path, number: int, form: str) -> Path:
    return folder / f"{number}.{form}"


def table(readings: Mapping[str, Mapping[str, Mapping[str, Reading]]]) -> Iterator[str]:
    """Yield the lines of the table, in Markdown."""
    yield f"| estimator | {' | '.join(f'written by {version}' for version in WRITERS)} |"
    yield f"|---|{'---|' * len(WRITERS)}"
    for name, by_version in readings.items():
        yield f"| {name} | {' | '.join(_cell(by_version[version]) for version in WRITERS)} |"


def _cell(by_form: Mapping[str, Reading]) -> str:
    """One text for all forms if they read alike, else a text for each."""
    forms: dict[str, list[str]] = {}
    for form, reading in by_form.items():
        forms.setdefault(str(reading), []).append(form)
    if len(forms) == 1:
        return next(iter(forms)).replace("|", "\\|")
    return "; ".join(f"{', '.join(names)}: {text}" for text, names in forms.items()).replace("|", "\\|")


def main(arguments: Sequence[str] | None = None) -> int:
    """Write files in an old version, or read those of all old versions and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="keep the environments there")
    chosen = parser.parse_args(arguments)
    if chosen.write:
        _write(chosen.write)
        return 0
    print(f"Read by scikit-learn {sklearn.__version__} with NumPy {np.__version__}.\n")
    with tempfile.TemporaryDirectory(prefix="kcheck-") as place:
        readings = measure(chosen.keep or Path(place))
    print("\n".join(table(readings)))
    for name, by_version in readings.items():
        every = [reading for by_form in by_version.values() for reading in by_form.values()]
        lost = {each for reading in every for each in reading.lost}
        if lost:
            print(f"{name}: missing {', '.join(sorted(lost))}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
