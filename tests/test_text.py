"""text: nothing untrusted reaches a terminal unchanged."""

from __future__ import annotations

import shlex
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_consistency_cli.loading.tables.columns import quote_names
from keras_consistency_cli.text import (
    clean,
    describe_changed_decisions,
    did_you_mean,
    format_bytes,
    format_count,
    number_repeated,
    shape_text,
    split_names,
    split_words,
    unstyled,
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("dense_1", "dense_1"),
        ("größe – 木 ×", "größe – 木 ×"),
        ("a\nb\r\tc", "a\\x0ab\\x0d\\x09c"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("\x9b31m", "\\x9b31m"),
        ("a\u202eb\u200bc\ufeff", "a\\u202eb\\u200bc\\ufeff"),
        ("\ud800", "\\ud800"),
        (3.5, "3.5"),
        (None, "None"),
        ("", ""),
    ],
)
def test_clean(text: object, shown: str) -> None:
    assert clean(text) == shown


@pytest.mark.parametrize(("length", "limit", "shown"), [(10, 10, 10), (11, 10, 10), (500, 200, 200)])
def test_long_text_is_cut_with_a_mark(length: int, limit: int, shown: int) -> None:
    text = clean("x" * length, limit)
    assert len(text) == shown
    assert text.endswith("…") == (length > limit)


@settings(deadline=None, derandomize=True)
@given(st.text(st.characters(codec=None)))
def test_clean_text_is_one_printable_line(text: str) -> None:
    shown = clean(text)
    assert len(shown) <= 200
    assert len(shown.splitlines()) <= 1
    assert {unicodedata.category(letter) for letter in shown} & {"Cc", "Cs", "Zl", "Zp"} == set()
    assert clean(shown) == shown


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("\x1b[1mException\x1b[0m encountered", "Exception encountered"),
        ("\x1b[38;5;1mred", "red"),
        ("[1m", "[1m"),
        (ValueError("\x1b[31mx"), "x"),
    ],
)
def test_colours_are_removed(text: object, plain: str) -> None:
    assert unstyled(text) == plain


@pytest.mark.parametrize(
    ("word", "known", "hint"),
    [
        ("row", ["rows", "seed"], " (did you mean 'rows'?)"),
        ("zebra", ["rows", "seed"], ""),
        ("anything", [], ""),
    ],
)
def test_the_closest_known_word_is_suggested(word: str, known: list[str], hint: str) -> None:
    assert did_you_mean(word, known) == hint
    assert did_you_mean(word, iter(known)) == hint


@pytest.mark.parametrize(("shape", "text"), [((None, 20, 1), "(None, 20, 1)"), ([4], "(4,)"), ((), "()")])
def test_shapes_print_as_keras_prints_them(shape: list[int | None], text: str) -> None:
    assert shape_text(shape) == text


@pytest.mark.parametrize(("amount", "text"), [(0, "0 rows"), (1, "1 row"), (10_000, "10,000 rows")])
def test_count_agrees_with_its_noun(amount: int, text: str) -> None:
    assert format_count(amount, "row") == text


def test_the_verb_agrees_with_the_number_of_decisions() -> None:
    one, several = (describe_changed_decisions(amount).split() for amount in (1, 3))
    assert (one[:2], several[:2]) == (["1", "decision"], ["3", "decisions"])
    assert one[2] == several[2] + "s"


@pytest.mark.parametrize(
    ("size", "shown"),
    [(0, "0 bytes"), (999, "999 bytes"), (1_000, "1 kB"), (1_020_978, "1.02 MB"), (5 * 10**9, "5 GB")],
)
def test_format_bytes(size: int, shown: str) -> None:
    assert format_bytes(size) == shown


@pytest.mark.parametrize(
    ("names", "unique"),
    [
        ([], []),
        (["a", "b"], ["a", "b"]),
        (["a", "a", "a"], ["a", "a_1", "a_2"]),
        (["a", "a", "a_1", "a"], ["a", "a_2", "a_1", "a_3"]),
    ],
)
def test_repeated_names_get_numbers(names: list[str], unique: list[str]) -> None:
    assert number_repeated(names) == unique


def test_words_are_separated_by_commas() -> None:
    assert split_words(["a, b", "c"]) == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("age,income", ["age", "income"]),
        ("age, income", ["age", "income"]),
        ('"income, net",age', ["income, net", "age"]),
        ('age, "a ""b"""', ["age", 'a "b"']),
    ],
)
def test_names_of_columns_may_hold_commas_in_quotes(text: str, names: list[str]) -> None:
    assert split_names(text) == names
    assert split_names([text, "x"]) == [*names, "x"]


def test_the_option_that_a_message_shows_names_the_columns() -> None:
    names = ["income, net", "age", 'the "id"', "it's"]
    (option,) = shlex.split(quote_names(names))
    assert split_names(option) == names
