"""Why advice about services is not tried here: it changes the service, which is no file of a case."""

from __future__ import annotations

from keras_consistency_cli.diagnosis.causes.endpoints import ENDPOINT_CAUSES

__all__ = ["UNTRIED"]

UNTRIED = {
    cause.slug: "it changes the service; tests/workers/endpoints has services with the fault and without"
    for cause in ENDPOINT_CAUSES
}
