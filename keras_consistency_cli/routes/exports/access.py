"""The session of an export, as routes of exports get it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from keras_consistency_cli.routes.exports.session import ExportSession
    from keras_consistency_cli.routes.session.session import Session

__all__ = ["on_export"]


def on_export(session: Session) -> ExportSession:
    """Return the session with the type of an export's.

    Raises:
        TypeError: it is the session of a model.
    """
    from keras_consistency_cli.routes.exports.session import ExportSession

    if not isinstance(session, ExportSession):
        raise TypeError("this route needs an export")
    return session
