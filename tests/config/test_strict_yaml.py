"""Strict YAML: what is read, what is refused, and the line of each refusal."""

from __future__ import annotations

import math
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.config.strict_yaml import Document, parse_yaml, plain_scalar, read_yaml
from keras_consistency_cli.errors import UsageError


def refusal(text: str | bytes) -> str:
    """Return the message with which a text is refused."""
    with pytest.raises(UsageError) as caught:
        parse_yaml(text.encode() if isinstance(text, str) else text, "kcheck.yaml")
    return str(caught.value)


def test_a_document_keeps_the_line_of_every_key_and_item() -> None:
    text = (
        "model: m.keras\n\ntolerance:\n  out0: {rtol: 1e-5,\n         atol: 0}\ncustom_objects:\n  - a.py\n "
        " - b.py\n"
    )
    assert parse_yaml(text.encode(), "kcheck.yaml") == Document(
        name="kcheck.yaml",
        data={
            "model": "m.keras",
            "tolerance": {"out0": {"rtol": 1e-5, "atol": 0}},
            "custom_objects": ["a.py", "b.py"],
        },
        lines={
            ("model",): 1,
            ("tolerance",): 3,
            ("tolerance", "out0"): 4,
            ("tolerance", "out0", "rtol"): 4,
            ("tolerance", "out0", "atol"): 5,
            ("custom_objects",): 6,
            ("custom_objects", 0): 7,
            ("custom_objects", 1): 8,
        },
    )


@pytest.mark.parametrize("text", ["", "# only a comment\n", "---\n", "null\n", "\ufeff"])
def test_nothing_stated_is_an_empty_mapping(text: str) -> None:
    assert parse_yaml(text.encode(), "kcheck.yaml").data == {}


@pytest.mark.parametrize(
    ("word", "meaning"),
    [
        ("1e-5", 1e-5),
        ("1E+5", 1e5),
        ("1.", 1.0),
        (".5", 0.5),
        ("-0.25", -0.25),
        ("0", 0),
        ("-3", -3),
        ("+7", 7),
        ("true", True),
        ("False", False),
        ("~", None),
        ("", None),
        (".inf", math.inf),
        ("-.INF", -math.inf),
        ("nan", "nan"),
        ("y", "y"),
        ("1e", "1e"),
        ("x_1", "x_1"),
        ("all", "all"),
        ("1:30.npy", "1:30.npy"),
    ],
)
def test_plain_words_mean_what_yaml_1_2_says(word: str, meaning: object) -> None:
    found = plain_scalar(word)
    assert (found, type(found)) == (meaning, type(meaning))


def test_nan_is_read_as_a_number() -> None:
    assert math.isnan(float(str(plain_scalar(".nan"))))


@pytest.mark.parametrize(
    "word",
    [
        "yes",
        "No",
        "ON",
        "off",
        "1:30",
        "1:30:00.5",
        "017",
        "-09",
        "0x1F",
        "0o17",
        "1_000",
        "1_0.5",
        "2020-01-01",
        "2020-13-45",
    ],
)
def test_ambiguous_words_are_refused_unless_quoted(word: str) -> None:
    assert refusal(f"a: 1\nb: {word}\n").startswith(f"kcheck.yaml:2: '{word}'")
    assert parse_yaml(f"b: '{word}'\n".encode(), "kcheck.yaml").data == {"b": word}


@pytest.mark.parametrize(
    "text",
    [
        "a: 1\nb: 2\na: 3\n",
        "a: 1\n'a': 2\n",
        "a: &x 1\n",
        "a: 1\nb: *a\n",
        "a:\n  <<: {b: 1}\n",
        "a: !!python/object/apply:os.system [true]\n",
        "a: !!bool maybe\n",
        "a: ! x\n",
        "1: x\n",
        "? [a]\n: 1\n",
        "- a\n",
        "\nword\n",
        "a: 1\n---\nb: 2\n",
        "a: 1e400\n",
        "a: 1\nb: 1 c: 2\n",
        "a: [1,\n",
        "a: 1\nb: \x07\n",
    ],
)
def test_a_refusal_names_file_and_line(text: str, wording: SnapshotAssertion) -> None:
    assert refusal(text) == wording


@pytest.mark.parametrize("text", [b"a: 1\nb: \xff\n", "a: 1\nb: 2\n".encode("utf-16")])
def test_other_encodings_are_refused(text: bytes, wording: SnapshotAssertion) -> None:
    assert refusal(text) == wording


@pytest.mark.parametrize(
    "text",
    [
        "a: '" + "x" * 65_536 + "'",
        "a: " + "[" * 1_000 + "]" * 1_000,
        "a: [" + "1," * 6_000 + "]",
        "a: " + "9" * 5_000,
    ],
    ids=["size", "depth", "number", "digits"],
)
def test_size_depth_and_number_are_limited(text: str, wording: SnapshotAssertion) -> None:
    assert refusal(text) == wording


def test_control_characters_of_a_key_do_not_reach_the_message() -> None:
    message = refusal('"\\e[31m": 1\n"\\e[31m": 2\n')
    assert "\x1b" not in message
    assert "\\x1b[31m" in message


def test_files_that_cannot_be_read_are_refused(tmp_path: Path, wording: SnapshotAssertion) -> None:
    config = tmp_path / "kcheck.yaml"
    config.write_text("rows: 3\n", encoding="utf-8")
    assert read_yaml(config).data == {"rows": 3}
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "none.yaml", tmp_path, tmp_path / "pipe"):
        with pytest.raises(UsageError) as caught:
            read_yaml(path)
        assert str(caught.value).startswith(str(path))
        assert str(caught.value).replace(str(tmp_path), "FOLDER") == wording


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet="ab:-?[]{},&*!|>'\"%#\n\t 01e.<~_", max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        document = parse_yaml(text.encode(), "kcheck.yaml")
    except UsageError as error:
        refused = str(error)
    else:
        refused = "kcheck.yaml: read"
        assert {path[0] for path in document.lines} == set(document.data)
    assert refused.startswith("kcheck.yaml:")
