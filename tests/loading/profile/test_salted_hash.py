"""Calls of Python's hash() are found in the code of a preprocess function."""

from __future__ import annotations

from pathlib import Path

import pytest

from keras_consistency_cli.loading.profile.salted_hash import find_salted_hash
from keras_consistency_cli.loading.scalers.preprocess_function import import_function

CALL = "def prepare(rows):\n    return [hash(row) % 9 for row in rows]\n"


@pytest.mark.parametrize(
    ("source", "place"),
    [
        (CALL, "serve.py, line 2"),
        ("def prepare(rows):\n    return list(map(hash, rows))\n", "serve.py, line 2"),
        (
            "def prepare(rows):\n    known = {hash(rows)}\n    return map(hash, known)\n",
            "serve.py, lines 2, 3",
        ),
        ("import zlib\ndef prepare(rows):\n    return [zlib.crc32(row) for row in rows]\n", ""),
        (f"from operator import length_hint as hash\n{CALL}", ""),
        (f"def hash(text):\n    return len(text)\n{CALL}", ""),
        ("import hashlib\ndef prepare(rows):\n    return [hashlib.md5(row) for row in rows]\n", ""),
    ],
    ids=["call", "passed on", "two calls", "crc32", "own import", "own function", "hashlib"],
)
def test_the_line_that_calls_hash_is_named(source: str, place: str, tmp_path: Path) -> None:
    (tmp_path / "serve.py").write_text(source)
    assert find_salted_hash(import_function(f"{tmp_path / 'serve.py'}:prepare")) == place


def test_modules_next_to_the_function_are_searched(tmp_path: Path) -> None:
    (tmp_path / "kc_words.py").write_text("def bucket(word):\n    return hash(word) % 9\n")
    (tmp_path / "serve.py").write_text(
        "from kc_words import bucket\n\ndef prepare(rows):\n    return [bucket(row) for row in rows]\n"
    )
    assert find_salted_hash(import_function(f"{tmp_path / 'serve.py'}:prepare")) == "kc_words.py, line 2"


def test_a_function_without_a_file_has_no_line() -> None:
    assert find_salted_hash(len) == find_salted_hash(None) == ""
