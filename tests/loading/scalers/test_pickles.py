"""Hostile and broken pickles are refused with the reason, and never run.

Each harmless call is run once by the real reader, to show that it would have had an effect.
"""

from __future__ import annotations

import copyreg
import io
import operator
import os
import pickle
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.errors import RefusedError
from keras_consistency_cli.loading.scalers import numpy_parts, pickles
from keras_consistency_cli.loading.scalers.inert_objects import DamagedError, Instance, Name, NotAllowedError
from keras_consistency_cli.loading.scalers.pickles import read_pickle
from keras_consistency_cli.loading.scalers.scaler import build_scaler, scan_scaler

ROWS = np.random.default_rng(0).normal(size=(20, 3))
SCALER = StandardScaler().fit(ROWS)
GOOD = pickle.dumps(SCALER, 4)

CLASS = b"csklearn.preprocessing._data\nStandardScaler\n"


class Calls:
    """Pickles into a call of `function` with `arguments`."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self.call


def scaler_with(**state: Any) -> StandardScaler:
    scaler = StandardScaler().fit(ROWS)
    scaler.__dict__.update(state)
    return scaler


WARN = Calls(warnings.warn, "the pickle was run")
"""A harmless call with an effect that a test can see."""
LIVE: dict[str, Any] = {
    "call of a function": WARN,
    "call of a function that calls another": Calls(operator.call, warnings.warn, "the pickle was run"),
    "in the state": scaler_with(extra=WARN),
    "in an object array": scaler_with(mean_=np.array([WARN], dtype=object)),
    "in a list": [WARN, SCALER],
    "call of a call's result": Calls(list, Calls(map, warnings.warn, ["the pickle was run"])),
}


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("payload", LIVE)
def test_the_call_in_a_pickle_never_runs(tmp_path: Path, payload: str, protocol: int) -> None:
    path = tmp_path / "scaler.pkl"
    path.write_bytes(pickle.dumps(LIVE[payload], protocol))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for refuse in (scan_scaler, build_scaler):
            with pytest.raises(RefusedError) as refused:
                refuse(path)
            assert refused.value.exit_code == 1
        scan_with_trust(path)
    with pytest.warns(UserWarning, match="the pickle was run"):
        pickle.loads(path.read_bytes())


def scan_with_trust(path: Path) -> None:
    """Scan a trusted file; it may pass or be refused, but nothing runs."""
    try:
        scan_scaler(path, trust=True)
    except RefusedError:
        return


@pytest.mark.parametrize("payload", LIVE)
@pytest.mark.parametrize("compress", [0, 3])
def test_the_call_in_a_joblib_file_never_runs(tmp_path: Path, payload: str, compress: int) -> None:
    path = tmp_path / "scaler.joblib"
    joblib.dump(LIVE[payload], path, compress=compress)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(RefusedError) as refused:
            build_scaler(path)
    assert isinstance(refused.value.__cause__, NotAllowedError)
    with pytest.warns(UserWarning, match="the pickle was run"):
        joblib.load(path)


def persistent() -> bytes:
    class Pickler(pickle.Pickler):
        def persistent_id(self, value: Any) -> Any:
            return "somewhere" if value is SCALER.mean_ else None

    stream = io.BytesIO()
    Pickler(stream, 4).dump(SCALER)
    return stream.getvalue()


def extension() -> bytes:
    copyreg.add_extension("sklearn.preprocessing._data", "StandardScaler", 0xF7)
    try:
        return pickle.dumps(SCALER, 2)
    finally:
        copyreg.remove_extension("sklearn.preprocessing._data", "StandardScaler", 0xF7)


NESTED_TUPLES = b")" + b"2\x86" * 12
"""A tuple of two tuples of two tuples …: each level doubles the work of hashing it."""


def ragged(*items: Any) -> np.ndarray:
    """An object array of these items."""
    array = np.empty(len(items), dtype=object)
    for position, item in enumerate(items):
        array[position] = item
    return array


HOSTILE: dict[str, bytes] = {
    "dotted name": b"\x80\x04\x8c\x1bsklearn.preprocessing._data\x8c\x12StandardScaler.fit\x93)R.",
    "module of an allowed class": b"csklearn.preprocessing._data\nnp\n.",
    "state set on a class": CLASS + b"}S'transform'\nNsb.",
    "state set on a name": b"cnumpy\nfloat64\n}b.",
    "state that replaces a method": pickle.dumps(scaler_with(transform="x")),
    "state that replaces a property": pickle.dumps(scaler_with(__class__="x")),
    "class called": CLASS + b")R.",
    "allowed name called": b"cnumpy\nfloat64\n(I1\ntR.",
    "text called": b"S'math.sqrt'\n(tR.",
    "class made with arguments": CLASS + b"(I1\nt\x81.",
    "old instance": b"(isklearn.preprocessing._data\nStandardScaler\n.",
    "old object": b"(" + CLASS + b"o.",
    "persistent id": persistent(),
    "persistent id in text": b"Psomewhere\n.",
    "extension": extension(),
    "key that is never hashed": b"\x80\x02}" + NESTED_TUPLES + b"Ns.",
    "base that is never hashed": b"\x80\x02ccopy_reg\n_reconstructor\n" + CLASS + NESTED_TUPLES + b"N\x87R.",
    "second pickle": GOOD + pickle.dumps(Calls(os.getpid)),
    "items on a class": CLASS + b"Na.",
    "function without trust": pickle.dumps(FunctionTransformer(func=np.float64)),
    "function that gets an array": pickle.dumps(
        FunctionTransformer(np.log1p, kw_args={"out": np.zeros(3)}),
    ),
    "function as a value": pickle.dumps(scaler_with(copy=np.log1p)),
    "function called": b"cnumpy\nlog1p\n(I1\ntR.",
    "array of a special class": b"cnumpy._core.multiarray\n_reconstruct\n(cnumpy\nfloat64\n(I0\ntS'b'\ntR.",
    "structured dtype": pickle.dumps(scaler_with(mean_=np.zeros(3, dtype=[("a", "f8")]))),
    "rows within rows": pickle.dumps(scaler_with(mean_=ragged(ragged(np.zeros(2))))),
    "tables within rows": pickle.dumps(scaler_with(mean_=ragged(np.zeros((2, 2))))),
    "bytes from a number": b"c__builtin__\nbytes\n(I1000000000000\ntR.",
    "set": pickle.dumps({1}, 4),
    "helper as top": b"csklearn.impute._base\nMissingIndicator\n)\x81.",
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_pickle_is_refused_with_the_reason(
    tmp_path: Path, case: str, wording: SnapshotAssertion
) -> None:
    path = tmp_path / "scaler.pkl"
    path.write_bytes(HOSTILE[case])
    for refuse in (scan_scaler, build_scaler):
        with pytest.raises(RefusedError) as refused:
            refuse(path)
        assert isinstance(refused.value.__cause__, NotAllowedError)
        assert "--trust-scaler" in str(refused.value)
        assert len(str(refused.value).splitlines()) <= 3
    assert str(refused.value.__cause__) == wording


@pytest.mark.parametrize(
    "case",
    [
        "state set on a class",
        "persistent id",
        "extension",
        "key that is never hashed",
        "second pickle",
    ],
)
def test_trust_lifts_only_names(tmp_path: Path, case: str) -> None:
    path = tmp_path / "scaler.pkl"
    path.write_bytes(HOSTILE[case])
    with pytest.raises(RefusedError) as refused:
        build_scaler(path, trust=True)
    assert isinstance(refused.value.__cause__, NotAllowedError)
    assert not refused.value.__cause__.liftable


def test_every_truncation_is_refused() -> None:
    for protocol in range(6):
        raw = pickle.dumps(SCALER, protocol)
        for end in range(len(raw)):
            with pytest.raises(DamagedError):
                read_pickle(raw[:end])


def test_every_truncation_of_a_joblib_file_is_refused(tmp_path: Path) -> None:
    joblib.dump(SCALER, tmp_path / "scaler.joblib")
    raw = (tmp_path / "scaler.joblib").read_bytes()
    assert isinstance(read_pickle(raw).top, Instance)
    for end in range(len(raw)):
        with pytest.raises(DamagedError):
            read_pickle(raw[:end])


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(position=st.integers(0, len(GOOD) - 1), replaced=st.binary(max_size=3), dropped=st.integers(0, 3))
def test_a_damaged_pickle_is_read_or_refused_but_never_crashes(
    position: int, replaced: bytes, dropped: int
) -> None:
    raw = GOOD[:position] + replaced + GOOD[position + dropped :]
    try:
        contents = read_pickle(raw)
    except (DamagedError, NotAllowedError):
        return
    assert contents.foreign == ()


def test_memory_is_capped_across_all_arrays(
    monkeypatch: pytest.MonkeyPatch, wording: SnapshotAssertion
) -> None:
    raw = pickle.dumps([np.zeros(1000), np.ones(1000)], 4)
    read_pickle(raw)
    monkeypatch.setattr(numpy_parts, "_MAX_ALL_BYTES", 15_999)
    with pytest.raises(NotAllowedError) as refused:
        read_pickle(raw)
    assert str(refused.value) == wording


def test_instructions_are_capped(monkeypatch: pytest.MonkeyPatch, wording: SnapshotAssertion) -> None:
    monkeypatch.setattr(pickles, "_MAX_INSTRUCTIONS", 10)
    with pytest.raises(NotAllowedError) as refused:
        read_pickle(GOOD)
    assert str(refused.value) == wording


def test_pickles_nested_in_joblib_files_are_capped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wording: SnapshotAssertion
) -> None:
    joblib.dump(np.array(["a"], dtype=object), tmp_path / "words.joblib")
    raw = (tmp_path / "words.joblib").read_bytes()
    assert read_pickle(raw).top.value.tolist() == ["a"]
    monkeypatch.setattr(pickles, "_MAX_NESTED_PICKLES", 0)
    with pytest.raises(NotAllowedError) as refused:
        read_pickle(raw)
    assert str(refused.value) == wording


def test_a_trusted_name_stays_a_name() -> None:
    contents = read_pickle(pickle.dumps(Calls(os.getpid), 4), trust=True)
    assert isinstance(contents.top, Instance)
    assert contents.top.kind == Name(module="posix", name="getpid")
    assert contents.foreign == contents.wants == ("posix.getpid",)


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        7,
        2**70,
        -1.5,
        "ü",
        b"\xff",
        [1, [2]],
        (),
        (1,),
        (1, 2, 3, 4),
        {"a": {1: 2.0}},
        bytearray(b"x"),
    ],
)
@pytest.mark.parametrize("protocol", range(6))
def test_plain_values_read_as_pickle_reads_them(value: Any, protocol: int) -> None:
    assert read_pickle(pickle.dumps(value, protocol)).top == value
