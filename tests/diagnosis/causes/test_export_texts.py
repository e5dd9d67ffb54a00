"""Advice about exports for the runtime that serves them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.diagnosis.causes.table import CAUSES
from keras_consistency_cli.diagnosis.causes.targets.export_texts import ADVICE_BY_KIND
from keras_consistency_cli.routes.trace import Trace

CASES = [(slug, kind) for slug, by_kind in ADVICE_BY_KIND.items() for kind in by_kind]


def evidence_of(*kinds: str) -> Any:
    routes = {kind: f"interface@model.{kind}" for kind in kinds}
    return SimpleNamespace(
        traces={route: Trace(route=route, details={"kind": kind}) for kind, route in routes.items()}
    )


@pytest.mark.parametrize(("slug", "kind"), CASES)
def test_the_advice_is_for_the_kind_of_the_export(slug: str, kind: str, wording: SnapshotAssertion) -> None:
    texts = CAUSES[slug].texts(evidence_of(kind))
    assert texts.sentence == CAUSES[slug].sentence
    assert texts.advice == wording


@pytest.mark.parametrize(("slug", "kind"), CASES)
def test_exports_of_several_kinds_have_the_general_advice(slug: str, kind: str) -> None:
    other = "litert" if kind != "litert" else "openvino"
    assert CAUSES[slug].texts(evidence_of(kind, other)).advice == CAUSES[slug].advice
    assert CAUSES[slug].texts(evidence_of()).advice == CAUSES[slug].advice
