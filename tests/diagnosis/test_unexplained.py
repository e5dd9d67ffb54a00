"""Unexplained failures: named as such, with what the evidence rules out and nothing that nobody looked at."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from keras_consistency_cli.checks.verdict import Status
from keras_consistency_cli.diagnosis.diagnose import diagnose
from keras_consistency_cli.diagnosis.unexplained import Unexplained, unexplained
from keras_consistency_cli.measurement.facts import LayerFact


def test_what_is_explained_or_did_not_fail_is_left_out(evidence: Any, verdict: Any) -> None:
    verdicts = [
        verdict("KC103"),
        verdict("KC101"),
        verdict("KC602", Status.WARN),
        verdict("KC701", Status.ERROR),
    ]
    seen = evidence()
    assert unexplained(seen, verdicts, diagnose(seen, verdicts)) == ()


def test_a_failure_without_a_cause_tells_what_it_is_not(evidence: Any, verdict: Any) -> None:
    verdicts = [verdict("KC204"), verdict("KC103", Status.PASS), verdict("KC701", Status.PASS)]
    assert diagnose(evidence(), verdicts) == ()
    assert unexplained(evidence(), verdicts, ()) == (
        Unexplained(
            code="KC204",
            ruled_out={
                "batch-statistics-in-inference": "no moving statistic moves",
                "state-carry-over": "no layer is stateful",
                "active-randomness": "the same call twice gives the same bits",
                "hidden-state": "traced or loaded anew, it gives the same bits",
                "nan-hidden": "rows, weights and outputs are finite",
                "predict-overridden": "predict is Keras's own",
            },
        ),
    )


def test_what_was_not_looked_at_is_not_ruled_out(evidence: Any, verdict: Any) -> None:
    blind = replace(
        evidence(layers=(LayerFact(path="lstm", kind="LSTM", stateful=True),), overridden=("predict",)),
        comparisons={},
    )
    assert unexplained(blind, [verdict("KC204")], ()) == (Unexplained(code="KC204", ruled_out={}),)


def test_only_causes_that_could_make_this_check_fail_are_named(evidence: Any, verdict: Any) -> None:
    verdicts = [verdict("KC205"), verdict("KC103", Status.PASS), verdict("KC801", Status.PASS)]
    assert unexplained(evidence(), verdicts, ()) == (Unexplained(code="KC205", ruled_out={}),)
    (found,) = unexplained(evidence(), [verdict("KC802"), *verdicts[1:]], ())
    assert set(found.ruled_out) == {"untracked-state", "config-loses-arguments"}
