"""diagnose_refusal: the cause of a model or scaler that was not checked."""

from __future__ import annotations

from pathlib import Path

import pytest

from keras_consistency_cli.diagnosis.refusals import REFUSAL_CAUSES, diagnose_refusal, refusal_text
from keras_consistency_cli.errors import NoVerdictError, RefusedError
from keras_consistency_cli.loading.model_file.archive import read_archive
from tests.helpers import crafted_archives as crafted

TRIED = {
    "model-not-loadable",
    "quantized-not-loadable",
    "scaler-unusable",
    "scaler-version",
    "shared-layer-not-loadable",
    "subclass-weights-not-saved",
    "undefined-name",
}
"""Something was tried and failed; why it failed was not read from the file."""


@pytest.mark.parametrize("cause", sorted({*REFUSAL_CAUSES, "scaler-version"}))
def test_every_cause_has_a_sentence_and_keeps_the_fix(cause: str) -> None:
    (diagnosis,) = diagnose_refusal(RefusedError("m.keras: no", fix="save it again", cause=cause))
    assert (diagnosis.cause, diagnosis.severity) == (cause, "fail")
    assert diagnosis.sentence
    assert diagnosis.confidence == ("likely" if cause in TRIED else "confirmed")
    assert diagnosis.advice == "save it again"
    assert "m.keras: no" in diagnosis.confirmation


def test_the_fix_of_an_error_from_a_worker_is_in_its_text() -> None:
    refusal = RefusedError("the scaler fails\nexpected: rows\nfix: fit it again", cause="scaler-unusable")
    assert diagnose_refusal(refusal)[0].advice == "fit it again"


def test_errors_that_are_no_fault_of_the_model_have_no_cause() -> None:
    error = NoVerdictError("a worker died")
    assert (diagnose_refusal(error), refusal_text(error)) == ((), "a worker died")


@pytest.mark.parametrize(
    ("layer", "cause"),
    [
        (crafted.layer("Lambda"), "code-in-file"),
        (crafted.layer("Own", "mine"), "custom-code-missing"),
        (crafted.dense(units=-1), "file-damaged"),
    ],
    ids=["lambda", "custom", "negative"],
)
def test_a_refused_archive_names_its_cause(layer: dict[str, object], cause: str, tmp_path: Path) -> None:
    path = crafted.write_archive(tmp_path / "m.keras", crafted.config_with(layer))
    with pytest.raises(RefusedError) as refusal:
        read_archive(path)
    assert refusal.value.cause == cause
