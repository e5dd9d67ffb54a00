"""Advice of causes in recorded outputs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import joblib
import keras
import numpy as np
from sklearn.preprocessing import StandardScaler

from tests.advice.edits import (
    array,
    give_option,
    give_rows,
    load,
    option,
    remove_options,
    save,
)
from tests.advice.found import corpus_case, corpus_trial
from tests.advice.trial import Trial
from tests.corpus.cases import Case, Files, save_rows
from tests.corpus.faults_recorded import NAME
from tests.corpus.reports_scaling import PRICE
from tests.corpus.worlds import WORLDS

__all__ = ["TRIALS"]


def _target_scaler_of_the_target(files: Files) -> Files:
    y_train = PRICE.inverse_transform(np.random.default_rng(1).normal(size=(300, 1)))
    y_train = (y_train - y_train.mean()) / y_train.std() * PRICE.scale_ + PRICE.mean_
    target_scaler = StandardScaler().fit(y_train.reshape(-1, 1))
    path = files.model.with_name("target_scaler.joblib")
    joblib.dump(target_scaler, path)
    return give_option(files, "--target-scaler", path)


def _recorded(files: Files) -> Files:
    model, x = load(files), array(files)
    return give_rows(files, model.predict(x, verbose=0), "--expected")


def _recorded_for_scaled_table(files: Files) -> Files:
    model, scaler, rows = load(files), joblib.load(option(files, "--scaler")), array(files)
    return give_rows(files, model.predict(scaler.transform(rows), verbose=0), "--expected")


class _ScaledRecording:
    """Outputs that were recorded for scaled rows."""

    def __init__(self, world: str) -> None:
        self.world = WORLDS[world]

    def build(self) -> Any:
        self.model = self.world.model()
        return self.model

    def kit(self, folder: Path, random: np.random.Generator) -> tuple[str, ...]:
        rows = self.world.table(random, 60)
        outputs = self.model.predict(self.world.scaled(rows), verbose=0)
        joblib.dump(self.world.fitted, folder / "scaler.joblib")
        files = {name: save_rows(folder / name, each) for name, each in (("data", rows), ("out", outputs))}
        return ("--data", str(files["data"]), "--expected", str(files["out"]))


def _recorded_for_scaled_rows(world: str) -> Case:
    made = _ScaledRecording(world)
    name = f"recorded for scaled rows: {world}"
    return Case(name=name, family="recorded", build=made.build, kit=made.kit, failing=("KC802",))


def _scaler_given(files: Files) -> Files:
    return give_option(files, "--scaler", files.model.with_name("scaler.joblib"))


def _averages_in_the_model(files: Files) -> Files:
    model = load(files)
    model.optimizer.finalize_variable_values(model.trainable_variables)
    return save(model, files)


AVERAGES = "averages recorded, last weights saved"
STATISTICS_SET = corpus_case("perceptron, recorded, statistics set")


def _compared_with_its_own_file(files: Files) -> None:
    """The live model of the case, whose Normalization got its weights without finalize_state()."""
    x, expected = array(files), array(files, "--expected")
    live = load(files)
    layer = live.get_layer(NAME)
    mean, variance, count = layer.get_weights()
    layer.set_weights([mean - 0.3, variance / 1.7, count])
    layer.finalize_state()
    layer.set_weights([mean, variance, count])
    live_outputs = live.predict(x, verbose=0)
    np.testing.assert_allclose(live_outputs, expected, rtol=1e-4, atol=1e-5)
    loaded = load(files)
    different = keras.tree.map_structure(lambda a, b: abs(a - b).max(), live_outputs, loaded.predict(x))
    assert different > 1e-3


TRIALS: tuple[Trial, ...] = (
    corpus_trial(
        "target-scaler-foreign",
        "save the scaler that was fitted on the target column",
        "target scaler of another column",
        _target_scaler_of_the_target,
    ),
    corpus_trial(
        "recorded-in-other-form",
        "np.save('expected.npy', model.predict(x))",
        "image-classifier, recorded as class ids",
        _recorded,
    ),
    corpus_trial(
        "recorded-from-other-rows",
        "change the rows of --data as KC802 says",
        "image-classifier, recorded for channels in reverse order",
        lambda files: give_rows(files, array(files)[..., ::-1]),
    ),
    corpus_trial(
        "recorded-from-other-rows",
        "np.save('expected.npy', model.predict(x))",
        "image-classifier, recorded for pixels divided by 255",
        _recorded,
    ),
    corpus_trial(
        "recorded-from-other-rows",
        "record the outputs again",
        "recorded with an id more for unknown words",
        _recorded,
    ),
    Trial(
        slug="answers-moved",
        tries="compare the live model with its own file",
        faulty=STATISTICS_SET,
        proof=_compared_with_its_own_file,
    ),
    Trial(
        slug="answers-moved",
        tries="add --scaler if the model was fed scaled rows",
        faulty=_recorded_for_scaled_rows("skewed power"),
        fix=_scaler_given,
    ),
    Trial(
        slug="recorded-from-other-rows",
        tries="give the scaler that training saved",
        faulty=_recorded_for_scaled_rows("people standard"),
        fix=_scaler_given,
    ),
    corpus_trial(
        "scaler-applied-twice",
        "scale in one place only",
        "tides stored scaled, and a scaler",
        lambda files: remove_options(files, "--scaler"),
    ),
    corpus_trial(
        "recorded-from-other-rows",
        "record again",
        "tides recorded without their scaler",
        _recorded_for_scaled_table,
    ),
    corpus_trial(
        "recorded-with-other-weights", "put the averages into the model", AVERAGES, _averages_in_the_model
    ),
    corpus_trial(
        "recorded-with-other-weights", "np.save('expected.npy', model.predict(x))", AVERAGES, _recorded
    ),
    corpus_trial(
        "recorded-in-training-mode",
        "np.save('expected.npy', model.predict(x))",
        "with statistics of the batch",
        _recorded,
    ),
)
