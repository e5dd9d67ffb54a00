"""Opening the user's files in the parent: everything is looked at before a worker loads anything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from keras_consistency_cli.loading.archive import Archive, read_archive
from keras_consistency_cli.loading.data import RowSource, open_rows
from keras_consistency_cli.loading.scaler import ScalerFile, scan_scaler
from keras_consistency_cli.loading.subject import SubjectFiles
from keras_consistency_cli.settings import Settings

__all__ = ["SAMPLE_ROWS", "Opened", "load_request", "open_files"]

SAMPLE_ROWS = 256
"""Rows on which every route runs, and rows that are made where the user gives none."""


@dataclass(frozen=True, kw_only=True)
class Opened:
    """What could be read without running anything. `rows` is None where they are to be made."""

    archive: Archive
    rows: RowSource | None
    scaler: ScalerFile | None


def open_files(settings: Settings) -> Opened:
    """Open the model, the rows and the scaler; raises UsageError, DataError or RefusedError with the file's name."""
    return Opened(
        archive=read_archive(settings.model, custom_objects=bool(settings.custom_objects), allow_unsafe=settings.trust.code),
        rows=open_rows(settings.data) if settings.data else None,
        scaler=scan_scaler(settings.scaler, trust=settings.trust.scaler) if settings.scaler else None,
    )


def load_request(settings: Settings, opened: Opened, *, sizes: Sequence[int]) -> dict[str, Any]:
    """What a worker is told, as plain data: where the subject comes from, and which batch sizes and seeds to use."""
    files = SubjectFiles(
        model=str(settings.model),
        saved_with=opened.archive.keras_version,
        data=str(settings.data) if settings.data else None,
        scaler=str(settings.scaler) if settings.scaler else None,
        custom_objects=[str(path) for path in settings.custom_objects],
        trust_scaler=settings.trust.scaler,
        allow_unsafe=settings.trust.code,
        compiled=not opened.archive.custom_compile,
        generated_rows=SAMPLE_ROWS if settings.rows == "all" else settings.rows,
        seed=settings.seed,
    )
    return {"files": asdict(files), "probe": {"batch_size": settings.batch_size, "sizes": list(sizes), "seed": settings.seed}}
