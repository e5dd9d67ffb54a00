"""Sentence and advice of causes of served rows, by the kinds of mistakes."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.checks.analysis.served.kinds import KINDS
from keras_consistency_cli.checks.analysis.served.rows import Mistake
from keras_consistency_cli.diagnosis.base import CauseTexts
from keras_consistency_cli.diagnosis.texts import (
    encoding_texts,
    order_texts,
    own_mistakes,
    scaler_texts,
    served_texts,
)

Specific = Callable[[Any], CauseTexts | None]


def texts(
    monkeypatch: pytest.MonkeyPatch,
    specific: Specific,
    *kinds: str,
    lookups: tuple[str, ...] = (),
    dtype: str = "int64",
    is_finite: bool = True,
) -> CauseTexts | None:
    """The texts for mistakes of these kinds, each of them in an input of its own: "x0", "x1"."""
    mistakes = tuple(
        Mistake(
            input=f"x{at}",
            kind=kind,
            sentence="",
            cause=KINDS[kind][1],
            columns=(0,),
            is_finite=is_finite,
        )
        for at, kind in enumerate(kinds)
    )
    monkeypatch.setattr(own_mistakes, "find_mistakes", lambda _: mistakes)
    facts = SimpleNamespace(lookups=[SimpleNamespace(name=name, dtype=dtype) for name in lookups])
    return specific(SimpleNamespace(rows=0, facts=facts))


SPECIFIC: dict[str, tuple[Specific, tuple[str, ...]]] = {
    "decimals": (served_texts.specific_precision, ("decimals-first", "unknown")),
    "whole numbers and steps": (served_texts.specific_precision, ("cut-first", "grid")),
    "wrapped": (served_texts.specific_precision, ("wrapped-first",)),
    "newest time step first": (order_texts.specific_order, ("steps-reversed",)),
    "not clipped": (served_texts.specific_step, ("not-clipped",)),
    "rows of the row before": (served_texts.specific_rows, ("rows-late", "unknown")),
    "features of the row before": (served_texts.specific_rows, ("late",)),
    "rows of others": (served_texts.specific_rows, ("rows-of-others",)),
    "columns without absent categories": (encoding_texts.specific_codes, ("lost-categories",)),
    "codes from another start": (encoding_texts.specific_codes, ("codes-shifted",)),
    "pixels not divided": (scaler_texts.specific_scaler, ("not-divided", "unknown")),
    "pixels divided again": (scaler_texts.specific_scaler, ("divided-again",)),
    "one input with the rows of another": (served_texts.specific_inputs, ("other-input", "unknown")),
    "weekdays from another start": (served_texts.specific_time, ("turned-calendar",)),
    "three inputs with each other's rows": (served_texts.specific_inputs, ("other-input",) * 3),
}


@pytest.mark.parametrize(("specific", "kinds"), SPECIFIC.values(), ids=SPECIFIC)
def test_kinds_with_texts_of_their_own(
    monkeypatch: pytest.MonkeyPatch, specific: Specific, kinds: tuple[str, ...], wording: SnapshotAssertion
) -> None:
    found = texts(monkeypatch, specific, *kinds)
    assert found is not None
    assert (found.sentence, found.advice) == (wording, wording)


@pytest.mark.parametrize(
    ("specific", "kinds"),
    [
        (served_texts.specific_precision, ("float32-first",)),
        (served_texts.specific_precision, ("float16-after", "decimals")),
        (served_texts.specific_step, ("without-step",)),
        (served_texts.specific_time, ("turned",)),
        (served_texts.specific_time, ("turned", "turned-calendar")),
        (served_texts.specific_rows, ("rows-reordered",)),
        (encoding_texts.specific_codes, ("relabelled",)),
        (served_texts.specific_inputs, ("other-input", "other-input")),
    ],
)
def test_other_kinds_have_the_texts_of_their_cause(
    monkeypatch: pytest.MonkeyPatch, specific: Specific, kinds: tuple[str, ...]
) -> None:
    assert texts(monkeypatch, specific, *kinds) is None


def test_codes_of_words_that_the_model_looks_up_are_those_of_another_vocabulary(
    monkeypatch: pytest.MonkeyPatch, wording: SnapshotAssertion
) -> None:
    found = texts(monkeypatch, encoding_texts.specific_codes, "relabelled", lookups=("x0",))
    assert found is not None
    assert (found.sentence, found.advice) == (wording, wording)
    assert texts(monkeypatch, encoding_texts.specific_codes, *("relabelled",) * 2, lookups=("x0",)) is None


def test_columns_for_words_in_another_order_are_those_of_another_vocabulary(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    order, moved = order_texts.specific_order, "other-columns"
    assert (
        texts(monkeypatch, order, moved, lookups=("x0",), dtype="float32") is encoding_texts.OTHER_VOCABULARY
    )
    reversed_ids = texts(monkeypatch, order, "steps-reversed", lookups=("x0",), dtype="float32")
    assert reversed_ids is not encoding_texts.OTHER_VOCABULARY


def test_nan_in_place_of_numbers_is_no_feature_with_one_number(
    monkeypatch: pytest.MonkeyPatch, wording: SnapshotAssertion
) -> None:
    found = texts(monkeypatch, encoding_texts.specific_filling, "one-number", is_finite=False)
    assert found is not None
    assert (found.sentence, found.advice) == (wording, wording)
    assert texts(monkeypatch, encoding_texts.specific_filling, "one-number") is None
