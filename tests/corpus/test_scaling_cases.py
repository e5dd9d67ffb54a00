"""Cases of scaling: each planted mistake changes outputs, no clean counterpart does."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from tests.corpus.cases import Case, write
from tests.corpus.clean_scaling import CASES as CLEAN
from tests.corpus.clean_scaling import RIGHTLY_SERVED
from tests.corpus.faults_drift import CASES as DRIFT
from tests.corpus.faults_normalization import CASES as NORMALIZATION
from tests.corpus.faults_scaling import CASES as SCALING
from tests.corpus.faults_scaling import SERVED
from tests.corpus.kits import Kit, Rework
from tests.corpus.mistakes import by_hand, early_float32, rightly, rightly_float32, rounded
from tests.corpus.normalised import (
    WALKS,
    WEATHER,
    adapted_on,
    dense,
    drawn,
    forgetful,
    pixels,
    rescaling_pictures,
    series,
    unadapted,
)
from tests.corpus.sources import MISTAKEN, MUTATING, SOUND
from tests.corpus.worlds import WORLDS, Array, people, weather

ALL = (*SCALING, *NORMALIZATION, *DRIFT, *CLEAN)


def _answers(model: Any, rows: Array) -> Array:
    """Return the outputs of a call: predict prepares a data set each time, which takes ten times as long."""
    answers = model(rows, training=False)
    return (
        np.concatenate(list(answers.values()), axis=1) if isinstance(answers, dict) else np.asarray(answers)
    )


def _moved(model: Any, right: Array, wrong: Array) -> float:
    """Return the largest deviation in units of each output's spread."""
    expected = _answers(model, right)
    return float((np.abs(_answers(model, wrong) - expected) / expected.std(axis=0)).max())


@cache
def _model(world: str) -> Any:
    """The network of a world; predictions do not change it."""
    return WORLDS[world].model()


def _rows(world: str, seed: int = 1) -> Array:
    return Kit(world=WORLDS[world]).fresh(np.random.default_rng(seed))


def _prepare(source: str, folder: Path) -> Callable[[Array], Array]:
    scaler = WORLDS["people standard"].fitted
    (folder / "serve.py").write_text(
        source.format(mean=scaler.mean_.tolist(), scale=scaler.scale_.tolist()), encoding="utf-8"
    )
    spec = importlib.util.spec_from_file_location("serve", folder / "serve.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    prepare: Callable[[Array], Array] = module.prepare
    return prepare


@pytest.mark.filterwarnings("ignore:n_quantiles")
@pytest.mark.parametrize(("world", "story"), SERVED, ids=lambda text: text)
def test_each_mistake_of_serving_moves_predictions(world: str, story: str) -> None:
    chosen, rows = WORLDS[world], _rows(world)
    assert _moved(_model(world), chosen.scaled(rows), SERVED[world, story][0](chosen, rows)) > 1e-4


@pytest.mark.parametrize("world", RIGHTLY_SERVED)
def test_rows_served_rightly_give_the_same_predictions(world: str) -> None:
    chosen, rows = WORLDS[world], _rows(world)
    for served in (rightly, rightly_float32):
        assert _moved(_model(world), chosen.scaled(rows), served(chosen, rows)) == 0.0


@pytest.mark.parametrize(
    ("world", "served"),
    [("people standard", by_hand), ("walks minmax", rounded(8)), ("people standard", early_float32)],
)
def test_rows_served_with_a_rounding_of_their_own_do_no_harm(world: str, served: Rework) -> None:
    chosen, rows = WORLDS[world], _rows(world)
    assert _moved(_model(world), chosen.scaled(rows), served(chosen, rows)) < 1e-5


@pytest.mark.parametrize("world", WORLDS)
def test_each_world_answers_differently_to_different_rows(world: str) -> None:
    chosen = WORLDS[world]
    assert _answers(_model(world), chosen.scaled(_rows(world))).std(axis=0).min() > 0.02


@pytest.mark.parametrize("story", SOUND)
def test_sound_sources_treat_rows_alike_together_and_alone(story: str, tmp_path: Path) -> None:
    prepare, rows = _prepare(SOUND[story], tmp_path), _rows("people standard")
    alone = np.concatenate([prepare(rows[at : at + 1]) for at in range(len(rows))])
    assert np.allclose(prepare(rows), alone, rtol=1e-12, atol=1e-12)
    assert np.array_equal(rows, _rows("people standard"))


@pytest.mark.parametrize("story", MISTAKEN)
def test_mistaken_sources_let_other_rows_in(story: str, tmp_path: Path) -> None:
    prepare, rows = _prepare(MISTAKEN[story], tmp_path), _rows("people standard")
    together, alone = prepare(rows), np.concatenate([prepare(rows[at : at + 1]) for at in range(len(rows))])
    assert _moved(_model("people standard"), together, alone) > 0.05


@pytest.mark.parametrize("story", MUTATING)
def test_mutating_sources_change_their_argument(story: str, tmp_path: Path) -> None:
    prepare, rows = _prepare(MUTATING[story], tmp_path), _rows("people standard")
    prepare(rows)
    assert not np.array_equal(rows, _rows("people standard"))


@cache
def _answers_if_sound(build: Callable[[Array], Any]) -> Array:
    rows = {dense: WEATHER, series: WALKS}[build]
    return _answers(build(rows), rows[:50])


@pytest.mark.parametrize(
    "damage", [unadapted, adapted_on(1), adapted_on(3)], ids=["unadapted", "one row", "three rows"]
)
def test_damaged_normalization_changes_outputs(damage: Any) -> None:
    for build, rows in ((dense, WEATHER), (series, WALKS)):
        sound, damaged = _answers_if_sound(build), _answers(build(rows, damage), rows[:50])
        assert np.abs(sound - damaged).max() > 0.1 * sound.std()


def test_forgetful_normalization_loses_its_numbers_when_it_is_loaded(tmp_path: Path) -> None:
    model = forgetful(WEATHER)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    layer = loaded.layers[0]
    assert np.allclose(layer.adapt_mean, WEATHER.mean(0), rtol=1e-3)
    assert np.array_equal(np.ravel(layer.mean), np.zeros(6))
    assert np.abs(_answers(loaded, WEATHER[:20]) - _answers(model, WEATHER[:20])).max() > 0.1


def test_normalised_and_rescaled_twice_move_predictions() -> None:
    fresh = drawn(weather, 60, 3)
    assert np.abs(_answers(dense(WEATHER), fresh) - _answers(dense(WEATHER, again=True), fresh)).max() > 0.5
    pictures = pixels(40, 3).astype("float32")
    keras.utils.set_random_seed(2)
    model = rescaling_pictures()
    assert np.abs(_answers(model, pictures) - _answers(model, pictures / 255)).max() > 0.1


def test_clean_cases_are_called_clean_and_must_be_quiet() -> None:
    assert [case.name for case in CLEAN if case.faulty or not case.quiet] == []
    assert [case.name for case in (*SCALING, *NORMALIZATION, *DRIFT) if not case.faulty or case.quiet] == []


def test_kit_writes_what_its_arguments_name(tmp_path: Path) -> None:
    case = next(case for case in SCALING if case.name.startswith("two tables"))
    files = write(case, tmp_path)
    given = dict(zip(files.args[::2], files.args[1::2], strict=True))
    assert set(given) == {"--data", "--scaler", "--served", "--config"}
    assert all(Path(path).is_file() for path in (str(files.model), *given.values()))
    data, served = np.load(given["--data"]), np.load(given["--served"])
    assert np.array_equal(data["right"], served["right"])
    assert not np.allclose(data["left"], served["left"])


def test_table_has_its_columns_in_the_order_told(tmp_path: Path) -> None:
    world = WORLDS["people named"]
    args = Kit(world=world, columns=world.columns[::-1], rows=4)(tmp_path, np.random.default_rng(3))
    header, first, *_ = Path(args[1]).read_text(encoding="utf-8").splitlines()
    assert header == "score,rooms,debt,income,age"
    assert np.array_equal(
        [float(cell) for cell in first.split(",")], people(np.random.default_rng(3), 4)[0][::-1]
    )


@pytest.mark.parametrize(
    "case", [case for case in ALL if case.causes == ("scaler-version",)], ids=lambda case: case.name
)
def test_scaler_of_another_version_says_so(case: Case, tmp_path: Path) -> None:
    import pickle

    from sklearn.exceptions import InconsistentVersionWarning

    assert case.kit is not None
    case.kit(tmp_path, np.random.default_rng(0))
    with pytest.warns(InconsistentVersionWarning):
        pickle.loads((tmp_path / "scaler.pkl").read_bytes())
