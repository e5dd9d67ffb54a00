"""URLs in the place of paths: which are taken, and how settings hold them."""

from __future__ import annotations

from pathlib import Path, PosixPath, PurePath
from typing import Self

from keras_consistency_cli.errors import UsageError
from keras_consistency_cli.text import clean, did_you_mean

__all__ = ["RemotePath", "is_url", "parse_url", "path_in"]

_SCHEMES = (
    *("abfs", "abfss", "az", "ftp", "gcs", "gs", "hdfs", "hf", "http", "https", "memory", "oci", "oss"),
    *("s3", "s3a", "sftp", "ssh", "webhdfs"),
)
"""Storage that fsspec can read. What opens archives, caches, or runs commands is left out."""
_WITH_QUERY = ("http", "https")
_EXPECTED = f"a path, or a URL that begins with {', '.join(_SCHEMES[:-1])} or {_SCHEMES[-1]} and ://"


class RemotePath(PosixPath):
    """A file that is not on this machine: it is copied before it is opened.

    `str` returns the text as given, such as a URL, of which a Path drops slashes.
    """

    _given: str = ""

    def __new__(cls, given: str) -> Self:
        """Return the path of a file elsewhere."""
        path = super().__new__(cls, given)
        path._given = given
        return path

    def with_segments(self, *segments: str | PurePath) -> Path:
        """Return what is derived from it, such as its parent, as an ordinary path."""
        return Path(*segments)

    def __str__(self) -> str:
        return self._given or super().__str__()

    def __reduce__(self) -> tuple[type[Self], tuple[str]]:
        return type(self), (self._given,)


def is_url(value: object) -> bool:
    """Whether a text is a URL; a path with :// in it is written with ./ or a folder before it."""
    scheme, mark, _ = value.partition("://") if isinstance(value, str) else ("", "", "")
    return bool(scheme and mark) and "/" not in scheme


def parse_url(text: str) -> Path | None:
    """Return the file that a URL names, None if the text is no URL.

    Raises:
        UsageError: a scheme that is not taken, a chain of URLs, or one with a password.
    """
    if not is_url(text):
        return None
    scheme, _, rest = text.partition("://")
    if scheme == "file" and rest.startswith("/"):
        return Path(rest)
    if _has_password(rest):
        raise UsageError(
            f"a URL of {clean(scheme, 20)} with a password is not taken, because reports show URLs",
            fix="put it into the configuration of fsspec or of the storage, and leave it out of the URL",
        )
    if "?" in rest and scheme in _WITH_QUERY:
        raise UsageError(
            f"{clean(text.partition('?')[0])}?… is not taken: reports show URLs, and a query may hold a key",
            fix="download the file, and give its path",
        )
    if "::" in text:
        raise UsageError(f"{clean(text)} is a chain of URLs", expected="the URL of a file or a folder")
    if scheme not in _SCHEMES:
        hint = did_you_mean(scheme, _SCHEMES)
        raise UsageError(f"{clean(text)}: '{clean(scheme, 20)}' is no storage{hint}", expected=_EXPECTED)
    if not rest.strip("/"):
        raise UsageError(f"{clean(text)} names no file", expected="the URL of a file or a folder")
    return RemotePath(text)


def _has_password(rest: str) -> bool:
    """Whether a host is written as user:password@host; the password may hold slashes, a port is a number."""
    user, at, _ = rest.partition("@")
    _, colon, password = user.partition("/")[0].partition(":")
    return bool(at and colon) and not ("/" in user and password.isdigit())


def path_in(folder: Path, text: str) -> Path:
    """Return the path that a text names in a file of this folder; a URL, unchecked, belongs to no folder."""
    return RemotePath(text) if is_url(text) else folder / text
