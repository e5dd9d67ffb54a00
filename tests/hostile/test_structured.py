"""Well-formed files with unusual content are read, or refused with an error of kcheck."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from keras_consistency_cli.cli.model_summary import render_summary, render_summary_json
from keras_consistency_cli.config.settings import load_settings
from keras_consistency_cli.errors import DataError, KcheckError, RefusedError, UsageError
from keras_consistency_cli.loading.model_file.summary import summarise
from keras_consistency_cli.loading.rows.source import open_rows
from keras_consistency_cli.text import clean
from tests.helpers import crafted_archives as crafted

BOUNDED = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

NAMES = st.sampled_from(
    [
        "Dense",
        "InputLayer",
        "Sequential",
        "Functional",
        "LSTM",
        "Lambda",
        "__keras_tensor__",
        "__lambda__",
        "function",
        "own>X",
        "",
        "\x1b[",
    ]
)
ODD = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.lists(st.integers() | st.none(), max_size=4)
)
KEYS = st.sampled_from(
    [
        "layers",
        "name",
        "units",
        "shape",
        "dtype",
        "batch_shape",
        "layer",
        "cells",
        "input_layers",
        "output_layers",
        "vocabulary",
        "trainable",
    ]
)


def _node(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    config = st.dictionaries(KEYS, inner | st.lists(inner, max_size=3), max_size=5) | ODD
    known = st.fixed_dictionaries({"class_name": NAMES | ODD, "config": config}, optional={
        "module": st.sampled_from(["keras", "keras.layers", "builtins", "os", None]) | ODD,
        "registered_name": ODD,
        "build_config": st.fixed_dictionaries({"input_shape": ODD}) | ODD,
        "inbound_nodes": st.lists(inner, max_size=2) | ODD,
    })  # fmt: skip
    return known | st.lists(inner, max_size=3)


CONFIGS = _node(st.recursive(ODD, _node, max_leaves=12))


@BOUNDED
@given(config=CONFIGS)
def test_any_config_is_described_or_refused(tmp_path: Path, config: Any) -> None:
    path = crafted.write_archive(tmp_path / "m.keras", json.dumps(config).encode())
    try:
        summary = summarise(path, custom_objects=True, allow_unsafe=True)
    except RefusedError as refusal:
        assert all(clean(line, 9999) == line for line in str(refusal).split("\n"))  # noqa: PT017
        return
    assert all(clean(line, 9999) == line for line in render_summary(summary, width=60).split("\n"))
    assert json.loads(render_summary_json(summary))["exit_code"] == 0


@BOUNDED
@given(
    settings_text=st.dictionaries(
        st.sampled_from(
            [
                "rows",
                "seed",
                "select",
                "fail_on",
                "tolerance",
                "facts",
                "trust",
                "checks",
                "model",
                "batch_size",
                "rwos",
            ]
        )
        | st.text(max_size=5),
        ODD
        | st.dictionaries(st.sampled_from(["rtol", "atol", "time_axis", "padding", "code"]), ODD, max_size=3),
        max_size=5,
    ).map(lambda data: yaml.safe_dump(data, allow_unicode=True))
)
def test_any_settings_are_accepted_or_refused(tmp_path: Path, settings_text: str) -> None:
    path = tmp_path / "k.yaml"
    path.write_text(settings_text, encoding="utf-8", errors="surrogatepass")
    try:
        load_settings({"config": str(path), "model": "m.keras"}, {})
    except UsageError as refusal:
        assert all(clean(line, 9999) == line for line in str(refusal).split("\n"))  # noqa: PT017


@BOUNDED
@given(
    descr=st.sampled_from(["<f4", ">f8", "|O", "|S0", "<U3", "|V9", "<M8[s]", "?", "<c8", "x", ""])
    | st.text(max_size=4),
    order=st.booleans() | st.none(),
    shape=st.lists(st.integers(-2, 10**12), max_size=4).map(tuple) | st.integers() | st.text(max_size=3),
    more=st.binary(max_size=64),
)
def test_any_npy_header_is_accepted_or_refused(
    tmp_path: Path, descr: str, order: Any, shape: Any, more: bytes
) -> None:
    stream = io.BytesIO()
    text = (
        repr({"descr": descr, "fortran_order": order, "shape": shape}).encode("utf-8", "surrogatepass")
        + b"\n"
    )
    stream.write(b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + more)
    path = tmp_path / "x.npy"
    path.write_bytes(stream.getvalue())
    try:
        rows = open_rows(path)
    except (DataError, UsageError) as refusal:
        assert all(clean(line, 9999) == line for line in str(refusal).split("\n"))  # noqa: PT017
        return
    assert rows.length > 0
    assert all(np.asarray(array[:2]).dtype.kind in "fiubU" for array in rows.arrays.values())


@pytest.mark.parametrize("error", [DataError, RefusedError, UsageError])
def test_errors_of_files_exit_with_1_or_2(error: type[KcheckError]) -> None:
    assert error("x").exit_code in (1, 2)
