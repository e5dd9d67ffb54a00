"""The float64 copy of a live model, created as in a worker but without a file."""

from __future__ import annotations

from typing import Any

from keras_consistency_cli.routes.session.float64 import Float64Session, float64_session
from tests.helpers.live_models import Rows, named_rows, session_of

__all__ = ["float64_copy_of"]


def float64_copy_of(built: tuple[Any, Rows], **options: Any) -> tuple[Float64Session, Rows]:
    """Return the float64 copy's session and the rows by input name; raises PrecisionCopyRefused."""
    session = session_of(built, **options)
    rows = named_rows(built[1], session.facts)
    return float64_session(session, rows), rows
