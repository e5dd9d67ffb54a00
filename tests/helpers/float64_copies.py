"""The float64 shadow of a live model, as the worker makes it but without a file."""

from __future__ import annotations

from typing import Any

from keras_consistency_cli.loading.subject import Subject
from keras_consistency_cli.loading.subject_spec import SubjectFiles
from keras_consistency_cli.routes.session.float64 import ShadowSession, shadow_session
from tests.helpers.live_models import Rows, named_rows, session_of

__all__ = ["shadow_of"]


def shadow_of(built: tuple[Any, Rows], **probe: Any) -> tuple[ShadowSession, Rows]:
    """Return the shadow's session and the rows by input name; raises ShadowRefused."""
    session = session_of(built, **probe)
    rows = named_rows(built[1], session.facts)
    subject = Subject(files=SubjectFiles(model="live.keras"), model=built[0], facts=session.facts)
    return shadow_session(session, subject, rows), rows
