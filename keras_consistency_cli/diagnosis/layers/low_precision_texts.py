"""The texts of `low-precision` for more than one layer."""

from __future__ import annotations

from keras_consistency_cli.checks.base import Evidence
from keras_consistency_cli.diagnosis.base import CauseTexts
from keras_consistency_cli.routes.numerics.low_precision.raised_precision import RaisedDetails

__all__ = ["texts_of_raised_layers"]

_TOO_LOW_EVERYWHERE = CauseTexts(
    sentence="many layers lose digits in less than float32: no few of them explain the difference",
    advice=(
        "compute the model in float32; or keep the policy if the score of the model in this precision is "
        "good enough. mixed_float16 keeps one digit more than mixed_bfloat16, where nothing overflows"
    ),
)


def texts_of_raised_layers(evidence: Evidence) -> CauseTexts | None:
    """Return the texts for several layers that have to compute in float32, None for one or none."""
    details = evidence.details("raise-precision", RaisedDetails)
    if details.get("layer") == "":
        return _TOO_LOW_EVERYWHERE
    raised = details.get("raised", [])
    if len(raised) < 2 or details.get("lost_before"):
        return None
    names = " and ".join(f"'{path}'" for path in raised).replace("{", "{{").replace("}", "}}")
    return CauseTexts(
        sentence="{layer} computes in less than float32, with inputs that were rounded before",
        advice=f"compute {names} in float32: give each of them dtype='float32'",
    )
