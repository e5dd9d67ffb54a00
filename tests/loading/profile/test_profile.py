"""The profile: the worker's description of rows, scaler and layers, and their drift."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import joblib
import keras
import numpy as np
import pytest
from keras import layers
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, OrdinalEncoder, QuantileTransformer, StandardScaler
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.errors import DataError
from keras_consistency_cli.loading.profile.passes import RowPasses
from keras_consistency_cli.loading.profile.profile import describe_data
from keras_consistency_cli.loading.subject import Subject
from keras_consistency_cli.loading.subject_spec import SubjectFiles
from keras_consistency_cli.measurement.data_facts import DataFacts, ServedFact, TargetFact

TRAINING = np.random.default_rng(0).normal([50.0, -3.0, 1000.0], [10.0, 0.1, 300.0], (600, 3))
ROWS = np.random.default_rng(1).normal([50.0, -3.0, 1000.0], [10.0, 0.1, 300.0], (90, 3))
MOVE = np.array([0.0, 0.2, 0.0])
SCALER = StandardScaler().fit(TRAINING)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of three features, its scaler, and all its data files."""
    into = tmp_path_factory.mktemp("description")
    keras.Sequential([keras.Input((3,), name="x"), layers.Dense(1)]).save(into / "m.keras")
    keras.Sequential([keras.Input((5, 3), name="x"), layers.Flatten(), layers.Dense(1)]).save(
        into / "steps.keras"
    )
    joblib.dump(SCALER, into / "scaler.joblib")
    joblib.dump(make_pipeline(SimpleImputer(), StandardScaler()).fit(TRAINING), into / "filling.joblib")
    joblib.dump(MinMaxScaler().fit(np.array([[100.0], [300.0]])), into / "target.joblib")
    joblib.dump(QuantileTransformer(n_quantiles=5).fit(TRAINING[:, :1]), into / "bent.joblib")
    saved = {
        "x": ROWS,
        "train": TRAINING,
        "moved": ROWS + MOVE,
        "twice": SCALER.transform(SCALER.transform(ROWS)),
    }
    saved |= {
        "scaled": SCALER.transform(ROWS).astype("float32"),
        "steps": ROWS.reshape(18, 5, 3),
        "holed": np.where(ROWS > 1500, np.nan, ROWS),
    }
    for name, values in saved.items():
        np.save(into / f"{name}.npy", values)
    (into / "serve.py").write_text("def prepare(rows):\n    rows -= 50.0\n    return rows\n")
    (into / "x.csv").write_text("c,b,a\n" + "\n".join(",".join(map(str, row)) for row in ROWS))
    return into


def described(folder: Path, model: str = "m.keras", *, every: bool = False, **files: Any) -> DataFacts:
    paths = {
        name: str(folder / value) if isinstance(value, str) and "." in value else value
        for name, value in files.items()
    }
    return describe_data(Subject.load(SubjectFiles(model=str(folder / model), **paths)), every=every)


def test_rows_are_described_raw_and_as_the_model_gets_them(folder: Path) -> None:
    facts = described(folder, data="x.npy", scaler="scaler.joblib")
    (raw,), (fed,) = facts.raw, facts.fed
    assert (facts.generated, facts.state, raw.input, raw.rows, raw.shape) == (False, "raw", "x", 90, (3,))
    assert [column.mean for column in raw.columns] == pytest.approx(ROWS.mean(0).tolist())
    assert [column.mean for column in fed.columns] == pytest.approx(
        SCALER.transform(ROWS).mean(0).tolist(), abs=1e-6
    )
    assert facts.scaling is not None
    assert (facts.scaling.kind, facts.scaling.input, facts.scaling.features, facts.scaling.mutates) == (
        "StandardScaler",
        "x",
        3,
        False,
    )
    assert facts.scaling.statistics["mean"] == TRAINING.mean(0).tolist()
    assert facts.scaling.expected[0].within[0] == 1.0
    assert (facts.reference, facts.served, facts.served_as, facts.layers, facts.target) == (
        (),
        (),
        None,
        (),
        None,
    )


def test_rows_declared_as_scaled_are_not_scaled_again(folder: Path) -> None:
    facts = described(folder, data="scaled.npy", scaler="scaler.joblib", data_state="scaled")
    assert facts.raw == facts.fed
    assert abs(facts.fed[0].columns[0].mean) < 0.5


@pytest.mark.parametrize("reference", ["train.npy", "scaled.npy"])
def test_the_reference_of_scaled_rows_may_be_raw_or_scaled(folder: Path, reference: str) -> None:
    facts = described(
        folder, data="scaled.npy", scaler="scaler.joblib", data_state="scaled", reference=reference
    )
    assert facts.reference == facts.reference_fed
    assert all(abs(column.mean) < 0.5 for column in facts.reference[0].columns)
    assert all(abs(fact.shift) < 0.5 for fact in facts.drift)
    assert facts.scaling is not None
    assert [fact.raw[0] for fact in facts.scaling.shown] == (
        [pytest.approx(mean) for mean in TRAINING.mean(0)] if reference == "train.npy" else []
    )


def test_windows_are_scaled_per_feature(folder: Path) -> None:
    facts = described(folder, "steps.keras", data="steps.npy", scaler="scaler.joblib")
    assert (facts.raw[0].shape, facts.raw[0].rows, facts.raw[0].columns[0].count) == ((5, 3), 18, 90)
    assert [column.mean for column in facts.fed[0].columns] == pytest.approx(
        SCALER.transform(ROWS).mean(0).tolist(), abs=1e-6
    )


def test_a_function_that_changes_its_rows_is_detected_and_gets_copies(folder: Path) -> None:
    facts = described(folder, data="x.npy", preprocess=f"{folder / 'serve.py'}:prepare")
    assert (facts.mutated_input, facts.fed[0].columns[0].mean) == (
        True,
        pytest.approx(ROWS[:, 0].mean() - 50.0),
    )
    assert facts.raw[0].columns[0].mean == pytest.approx(ROWS[:, 0].mean())


@pytest.mark.parametrize(
    ("served", "shares"),
    [("scaled.npy", (0.0, 1.0, 0.0)), ("x.npy", (1.0, 0.0, 0.0)), ("twice.npy", (0.0, 0.0, 1.0))],
)
def test_served_rows_are_compared_value_by_value(
    folder: Path, served: str, shares: tuple[float, float, float]
) -> None:
    facts = described(folder, data="x.npy", scaler="scaler.joblib", served=served)
    assert facts.served_as == ServedFact(rows=90, raw=shares[0], scaled=shares[1], twice=shares[2])
    assert facts.served[0].rows == 90


def test_codes_of_texts_are_not_raw_rows(folder: Path) -> None:
    words = np.random.default_rng(4).choice(["a", "b", "c"], (90, 3))
    encoder = OrdinalEncoder(dtype="int64", categories=[["c", "b", "a"]] * 3).fit(words)
    joblib.dump(encoder, folder / "encoder.joblib")
    (folder / "words.csv").write_text("x,y,z\n" + "\n".join(",".join(row) for row in words))
    codes = encoder.transform(words)
    for served, share in ((codes, 1.0), (2 - codes, 0.0)):
        np.save(folder / "codes.npy", served.astype("float32"))
        facts = described(folder, data="words.csv", scaler="encoder.joblib", served="codes.npy")
        assert facts.served_as is not None
        assert (facts.served_as.raw, facts.served_as.scaled) == (0.0, pytest.approx(share, abs=0.2))


def test_missing_values_are_counted_before_and_after_they_are_filled(folder: Path) -> None:
    facts = described(folder, data="holed.npy", scaler="filling.joblib")
    assert (facts.raw[0].bad_rows, facts.fed[0].bad_rows) == (int((ROWS > 1500).any(axis=1).sum()), 0)
    assert facts.raw[0].bad_rows > 0


def test_drift_from_the_reference_rows(folder: Path) -> None:
    facts = described(folder, data="moved.npy", scaler="scaler.joblib", reference="train.npy")
    assert [(fact.name, fact.against) for fact in facts.drift] == [
        ("0", "reference"),
        ("1", "reference"),
        ("2", "reference"),
    ]
    still, moved, _ = facts.drift
    assert moved.shift == pytest.approx(2.0, abs=0.4)
    assert (moved.distance or 0) > 0.5 > 0.2 > (still.distance or 1)
    assert moved.p_value < 1e-9 < 1e-3 < still.p_value
    assert facts.scaling is not None
    assert [fact.kind for fact in facts.scaling.shown] == ["reference"] * 3


def test_drift_from_the_statistics_of_the_scaler(folder: Path) -> None:
    drift = described(folder, data="moved.npy", scaler="scaler.joblib").drift
    assert [(fact.against, fact.distance, fact.rows) for fact in drift] == [("StandardScaler", None, 90)] * 3
    assert [abs(fact.shift) > 1.5 and fact.p_value < 1e-9 for fact in drift] == [False, True, False]


def test_drift_from_the_statistics_of_a_layer(tmp_path: Path) -> None:
    norm = layers.Normalization(name="norm")
    norm.adapt(TRAINING)
    keras.Sequential([keras.Input((3,), name="x"), norm, layers.Dense(1)]).save(tmp_path / "m.keras")
    np.save(tmp_path / "moved.npy", ROWS + MOVE)
    facts = described(tmp_path, data="moved.npy")
    assert [(fact.against, abs(fact.shift) > 1.5) for fact in facts.drift] == [
        ("norm", False),
        ("norm", True),
        ("norm", False),
    ]
    assert [(fact.path, len(fact.seen)) for fact in facts.layers] == [("norm", 3)]


def test_the_target_scaler_gives_the_units_of_targets(folder: Path) -> None:
    assert described(folder, data="x.npy", target_scaler="target.joblib").target == TargetFact(
        kind="MinMaxScaler", units=(200.0,)
    )
    assert described(folder, data="x.npy", target_scaler="bent.joblib").target == TargetFact(
        kind="QuantileTransformer"
    )


def test_generated_rows_are_described_as_such(folder: Path) -> None:
    facts = described(folder, generated_rows=40, scaler="scaler.joblib")
    assert (facts.generated, facts.fed[0].rows, facts.drift) == (True, 40, ())


def test_columns_of_a_different_scaler_are_refused(
    folder: Path, tmp_path: Path, wording: SnapshotAssertion
) -> None:
    pandas = pytest.importorskip("pandas")
    joblib.dump(
        StandardScaler().fit(pandas.DataFrame(TRAINING, columns=["a", "b", "d"])), tmp_path / "named.joblib"
    )
    with pytest.raises(DataError) as refused:
        described(folder, data="x.csv", scaler=str(tmp_path / "named.joblib"))
    assert str(refused.value) == wording
    joblib.dump(
        StandardScaler().fit(pandas.DataFrame(TRAINING, columns=["a", "b", "c"])), tmp_path / "named.joblib"
    )
    facts = described(folder, data="x.csv", scaler=str(tmp_path / "named.joblib"))
    assert facts.scaling is not None
    assert (facts.scaling.names, facts.scaling.columns) == (("a", "b", "c"), ("c", "b", "a"))
    assert [column.name for column in facts.raw[0].columns] == ["c", "b", "a"]


def test_large_files_are_read_in_part_unless_all_are_wanted(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("keras_consistency_cli.loading.profile.passes._BUDGET", 300 * 24)
    np.save(tmp_path / "long.npy", np.tile(ROWS, (20, 1)))
    part, every = (
        described(folder, data=str(tmp_path / "long.npy"), every=every).raw[0] for every in (False, True)
    )
    assert (200 <= part.rows <= 300, every.rows) == (True, 1800)
    assert part.columns[0].mean == pytest.approx(every.columns[0].mean, abs=2.0)


PADDED = np.arange(8) >= np.random.default_rng(2).integers(2, 8, 90)[:, None]
SERIES = np.where(
    PADDED[..., None], 0.0, np.random.default_rng(3).normal([50.0, -3.0], [10.0, 0.1], (90, 8, 2))
)


def described_series(folder: Path, mean: np.ndarray, **files: Any) -> DataFacts:
    """The facts of padded series for a model whose Normalization has these means."""
    norm = layers.Normalization(mean=mean.tolist(), variance=[100.0, 0.01], name="norm")
    keras.Sequential([keras.Input((8, 2), name="x"), norm, layers.LSTM(2)]).save(folder / "series.keras")
    np.save(folder / "series.npy", SERIES)
    return described(folder, "series.keras", data="series.npy", **files)


def test_declared_padding_is_not_data(folder: Path) -> None:
    true = SERIES[~PADDED].mean(axis=0)
    facts = described_series(folder, true, padding_value=0.0)
    assert [column.mean for column in facts.raw[0].columns] == pytest.approx(true.tolist())
    assert max(abs(fact.shift) for fact in facts.drift) < 1e-3
    assert max(abs(fact.shift) for fact in described_series(folder, true).drift) > 1


@pytest.mark.parametrize(
    ("mask", "normalized", "reads"),
    [(-1.0, True, 1), (0.0, False, 1), (0.0, True, 2)],
    ids=["no padding", "nothing stored", "padding and statistics"],
)
def test_rows_are_read_again_only_if_statistics_can_have_counted_padding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mask: float, normalized: bool, reads: int
) -> None:
    passes: list[RowPasses] = []
    measure = RowPasses.measure_raw_and_fed
    monkeypatch.setattr(
        RowPasses, "measure_raw_and_fed", lambda self, *args: (passes.append(self), measure(self, *args))[1]
    )
    norm = [layers.Normalization(mean=[9.0, 9.0], variance=[1.0, 1.0])] if normalized else []
    parts = [layers.Masking(mask), *norm, layers.LSTM(2)]
    keras.Sequential([keras.Input((8, 2), name="x"), *parts]).save(tmp_path / "masked.keras")
    np.save(tmp_path / "series.npy", SERIES)
    described(tmp_path, "masked.keras", data="series.npy")
    assert len(passes) == reads


def test_padding_of_reference_rows_is_not_data(folder: Path) -> None:
    true = SERIES[~PADDED].mean(axis=0)
    facts = described_series(folder, true, padding_value=0.0, reference="series.npy")
    assert [column.mean for column in facts.reference[0].columns] == pytest.approx(true.tolist())


def test_statistics_of_training_that_counted_padding_are_compared_with_padding(folder: Path) -> None:
    facts = described_series(folder, SERIES.reshape(-1, 2).mean(axis=0), padding_value=0.0)
    assert max(abs(fact.shift) for fact in facts.drift) < 1e-3
