"""The members of a saved model: those of a zip archive, in the form that a model folder has too."""

from __future__ import annotations

import hashlib
import io
import zipfile
from dataclasses import dataclass
from typing import BinaryIO, Protocol

from keras_consistency_cli.loading.model_file.zip_members import check_content, open_member, read_member

__all__ = ["Members", "ZipMembers"]


class Members(Protocol):
    """The files that a saved model consists of."""

    @property
    def listing(self) -> tuple[tuple[str, int], ...]:
        """The name and size of each member."""

    def read(self, name: str) -> bytes:
        """Return the bytes of one member."""

    def open(self, name: str) -> BinaryIO:
        """Return one member, seekable."""

    def check_content(self) -> None:
        """Refuse members that are damaged."""

    def digest(self) -> tuple[str, int]:
        """Return SHA-256 and size of the saved model."""


@dataclass(frozen=True, kw_only=True)
class ZipMembers:
    """The members of an archive from `open_archive`."""

    archive: zipfile.ZipFile
    stream: io.BufferedReader

    @property
    def listing(self) -> tuple[tuple[str, int], ...]:
        """The name and size of each member, in the order of the archive."""
        return tuple((info.filename, info.file_size) for info in self.archive.infolist())

    def read(self, name: str) -> bytes:
        """Return the bytes of one member after verifying its checksum."""
        return read_member(self.archive, name)

    def open(self, name: str) -> BinaryIO:
        """Return a seekable view of one member."""
        return open_member(self.archive, self.stream, name)

    def check_content(self) -> None:
        """Read every member once and verify its checksum."""
        check_content(self.archive)

    def digest(self) -> tuple[str, int]:
        """Return SHA-256 and size of the whole file."""
        self.stream.seek(0)
        digest = hashlib.file_digest(self.stream, "sha256").hexdigest()
        return digest, self.stream.tell()
