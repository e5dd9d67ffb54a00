"""Advice about exports for the runtime that serves them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.diagnosis.causes.table import CAUSES
from keras_consistency_cli.diagnosis.causes.targets.export_texts import ADVICE_BY_KIND, EXPORT_AGAIN
from keras_consistency_cli.loading.exports.spec import KINDS
from keras_consistency_cli.routes.trace import Trace

CASES = [(slug, kind) for slug, by_kind in ADVICE_BY_KIND.items() for kind in by_kind]


AGAIN = [slug for slug, cause in CAUSES.items() if EXPORT_AGAIN in cause.advice]


def evidence_of(kind: str = "", target: str = "") -> Any:
    """An export of this kind, next to others."""
    kinds = {"other.tflite": "litert", "other.xml": "openvino", "model": kind}
    routes = {f"interface@{label}": known for label, known in kinds.items() if known}
    traces = {route: Trace(route=route, details={"kind": known}) for route, known in routes.items()}
    return SimpleNamespace(traces=traces, target=target or "model")


@pytest.mark.parametrize(("slug", "kind"), CASES)
def test_the_advice_is_for_the_kind_of_the_export(slug: str, kind: str, wording: SnapshotAssertion) -> None:
    texts = CAUSES[slug].texts(evidence_of(kind))
    assert texts.sentence == CAUSES[slug].sentence
    assert texts.advice == wording


@pytest.mark.parametrize(("slug", "kind"), CASES)
def test_an_export_of_unknown_kind_has_the_general_advice(slug: str, kind: str) -> None:
    assert CAUSES[slug].texts(evidence_of()).advice == CAUSES[slug].advice
    assert CAUSES[slug].texts(evidence_of(kind, "missing")).advice == CAUSES[slug].advice


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("slug", AGAIN)
def test_an_export_is_made_again_in_its_own_format(slug: str, kind: str) -> None:
    advice = CAUSES[slug].texts(evidence_of(kind)).advice
    assert EXPORT_AGAIN not in advice
    assert [f"'{other}'" in advice for other in KINDS if other != "tf_saved_model"] == [
        other == kind for other in KINDS if other != "tf_saved_model"
    ]


def test_an_export_that_cannot_be_opened_has_a_kind(wording: SnapshotAssertion) -> None:
    evidence = evidence_of("litert")
    refused = Trace(route="interface@model", unavailable="it is damaged", details={"kind": "openvino"})
    evidence.traces["interface@model"] = refused
    assert CAUSES["export-unloadable"].texts(evidence).advice == wording
