"""The route of recorded outputs: names, shapes, forms and rounding."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import joblib
import keras
import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.errors import DataError
from keras_consistency_cli.loading.subject import Subject
from keras_consistency_cli.loading.subject_spec import SubjectFiles
from keras_consistency_cli.routes.persistence.recorded import RECORDED_ROUTES
from keras_consistency_cli.routes.session.session import Session
from tests.helpers.live_models import dict_inputs, mlp, named_rows, session_of

(ROUTE,) = RECORDED_ROUTES


def recorded(built: tuple[Any, Any], path: Path | None, target: str | None = None) -> Any:
    session = session_of(built)
    rows = named_rows(built[1], session.facts)
    session.subject = Subject(
        files=SubjectFiles(model="m", expected=str(path) if path else None, target_scaler=target),
        model=built[0],
        facts=session.facts,
    )
    session.row_numbers = np.arange(len(next(iter(rows.values()))))
    return ROUTE.run(session, rows)


def outputs_of(built: tuple[Any, Any]) -> dict[str, np.ndarray]:
    session = session_of(built)
    return session.steps(named_rows(built[1], session.facts), 4)


def test_a_single_array_is_the_single_output(tmp_path: Path) -> None:
    built = mlp()
    ((name, today),) = outputs_of(built).items()
    np.save(tmp_path / "y.npy", today)
    result = recorded(built, tmp_path / "y.npy")
    assert np.array_equal(result.outputs[name], today)
    assert result.details == {"given": True}


def test_names_must_be_those_of_the_outputs(tmp_path: Path, wording: SnapshotAssertion) -> None:
    built = dict_inputs()
    today = outputs_of(built)
    np.savez(tmp_path / "y.npz", allow_pickle=False, **{name: today[name] for name in reversed(list(today))})
    result = recorded(built, tmp_path / "y.npz")
    assert {
        name: np.array_equal(values, today[name]) for name, values in result.outputs.items()
    } == dict.fromkeys(today, True)
    np.savez(tmp_path / "z.npz", allow_pickle=False, **{f"{name}x": values for name, values in today.items()})
    with pytest.raises(DataError) as caught:
        recorded(built, tmp_path / "z.npz")
    assert str(caught.value) == wording


def test_a_different_order_of_rows_is_recognised(tmp_path: Path, wording: SnapshotAssertion) -> None:
    built = mlp()
    ((name, today),) = outputs_of(built).items()
    np.save(tmp_path / "y.npy", today[::-1])
    forms = recorded(built, tmp_path / "y.npy").details["forms"]
    assert list(forms) == [name]
    assert forms[name] == wording


def test_swapped_outputs_are_recognised(tmp_path: Path, wording: SnapshotAssertion) -> None:
    rows = keras.Input((4,))
    heads = keras.Model(rows, {name: keras.layers.Dense(1)(rows) for name in ("price", "risk")})
    built = (heads, {rows.name: np.random.default_rng(1).normal(size=(10, 4)).astype("float32")})
    (first, one), (second, other) = outputs_of(built).items()
    np.savez(tmp_path / "y.npz", allow_pickle=False, **{first: other, second: one})
    forms = recorded(built, tmp_path / "y.npz").details["forms"]
    assert forms.keys() == {first, second}
    assert second in forms[first]
    assert first in forms[second]
    assert forms == wording
    np.savez(tmp_path / "z.npz", allow_pickle=False, **{first: one, second: one})
    assert recorded(built, tmp_path / "z.npz").details["forms"] == {second: forms[second]}


def test_single_rows_that_differ_are_found(tmp_path: Path) -> None:
    built = mlp()
    ((_, today),) = outputs_of(built).items()
    changed = today.copy()
    changed[4] += 1.0
    np.save(tmp_path / "y.npy", changed)
    details = recorded(built, tmp_path / "y.npy").details
    assert (details["forms"], details["single_rows"]) == ({}, [4])


def test_nothing_is_run_without_a_file() -> None:
    result = recorded(mlp(), None)
    assert (result.outputs, result.details) == ({}, {"given": False})


def test_a_dropped_axis_is_restored(tmp_path: Path) -> None:
    from keras import layers

    from tests.helpers.live_models import chain

    built = chain((3,), layers.Dense(1))
    ((name, today),) = outputs_of(built).items()
    np.save(tmp_path / "y.npy", today[:, 0])
    assert recorded(built, tmp_path / "y.npy").outputs[name].shape == today.shape


def test_outputs_in_float16_become_todays_if_those_round_to_them(tmp_path: Path) -> None:
    built = mlp()
    ((name, today),) = outputs_of(built).items()
    kept = today.astype("float16")
    kept[2] += np.float16(0.25)
    np.save(tmp_path / "y.npy", kept)
    result = recorded(built, tmp_path / "y.npy")
    apart = np.abs(result.outputs[name] - today).max(axis=1)
    assert (list(result.details["rounded"]), apart.argmax(), np.count_nonzero(apart > 1e-6)) == ([name], 2, 1)


def test_rounded_outputs_in_units_of_the_targets_run_all_rows_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = mlp()
    ((name, today),) = outputs_of(built).items()
    scaler = StandardScaler().fit(np.array([[-2.0], [2.0]]) + np.zeros(today.shape[1]))
    joblib.dump(scaler, tmp_path / "target.joblib")
    np.save(tmp_path / "y.npy", scaler.inverse_transform(today).astype("float16"))
    runs: list[int] = []
    steps = Session.steps
    monkeypatch.setattr(
        Session, "steps", lambda *args: (runs.append(len(next(iter(args[1].values())))), steps(*args))[1]
    )
    details = recorded(built, tmp_path / "y.npy", str(tmp_path / "target.joblib")).details
    assert details["units"] == {name: "StandardScaler"}
    assert runs.count(max(runs)) == 1
