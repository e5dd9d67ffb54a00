"""The sessions of the exports of a subject, each opened once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from keras_consistency_cli.loading.exports.opening import open_export, require_packages
from keras_consistency_cli.loading.exports.spec import ExportSpec
from keras_consistency_cli.routes.exports.making import make_export
from keras_consistency_cli.routes.exports.session import ExportSession
from keras_consistency_cli.routes.session.batches import first_batch

if TYPE_CHECKING:
    from keras_consistency_cli.routes.session.session import Session
    from keras_consistency_cli.routes.trace import Rows

__all__ = ["open_session"]


def open_session(original: Session, spec: ExportSpec, rows: Rows) -> ExportSession:
    """Return the session of an export; it is made from the model if it is no file of the user's.

    Args:
        original: the session of the model in this process.
        spec: the export.
        rows: rows of the running route.

    Raises:
        ExportRefused: it cannot be made or loaded, its inputs and outputs are not those of the model, or it
            takes rows of a different size only.
    """
    require_packages(spec.kind)
    batch = first_batch(rows, original.facts.batch_size or 1)
    path = make_export(original, spec.kind, batch) if spec.is_made else Path(spec.path)
    session = ExportSession(open_export(path, spec.kind, spec.signature), original, spec)
    session.check_sizes(rows)
    session.find_frozen_batch(rows)
    return session
