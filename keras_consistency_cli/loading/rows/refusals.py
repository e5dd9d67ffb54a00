"""Files that hold no rows: what they are, and what to do with them."""

from __future__ import annotations

import errno
import re
from contextlib import suppress
from pathlib import Path

from keras_consistency_cli.errors import DataError, UsageError
from keras_consistency_cli.text import clean, did_you_mean

__all__ = ["EXPECTED", "describe_foreign", "describe_unreadable"]

EXPECTED = "a .npy, .npz, .csv, .parquet or .txt file, or a folder of images, .npy, .npz or .parquet files"
"""The files of rows, for messages."""
_ENDINGS = (".npy", ".npz", ".csv", ".parquet", ".txt")

_IMAGES = (b"\xff\xd8\xff", b"\x89PNG\r\n", b"GIF8", b"II*\0", b"MM\0*")
_FOREIGN = (
    (b"version https://git-lfs", "is a git-lfs pointer, not the data", "git lfs pull"),
    (b"\x89HDF\r\n\x1a\n", "is an HDF5 file", "np.save('x.npy', h5py.File(path)['x'][:])"),
    (b"\x80", "is a pickle", "np.save('x.npy', np.asarray(x))"),
    (b"\x1f\x8b", "is compressed with gzip", "gunzip it"),
    (b"\xff\xfe", "is text in UTF-16", "iconv -f utf-16 -t utf-8 OLD > NEW"),
    (b"\xfe\xff", "is text in UTF-16", "iconv -f utf-16 -t utf-8 OLD > NEW"),
    (b"ARROW1", "is a Feather or Arrow file", "pandas.read_feather(path).to_parquet('x.parquet')"),
    (b"\xd0\xcf\x11\xe0", "is an old Excel file", "pandas.read_excel(path).to_csv('x.csv', index=False)"),
    *((magic, "is an image", "put it into a folder of images, and give the folder") for magic in _IMAGES),
)

_JSON = {
    rb"\s*\{[^\r\n]*\}\r?\n\s*\{": "pandas.read_json(path, lines=True).to_csv('x.csv', index=False)",
    rb"\s*\[?\s*\{\s*\"": "pandas.read_json(path).to_csv('x.csv', index=False)",
    rb"\s*\[[\s\[]*-?\d[^\s,\]]*\s*,": "np.save('x.npy', np.array(json.load(open(path))))",
}
"""How JSON files with rows begin, and what to do with them."""


def describe_unreadable(path: Path, label: str, error: OSError) -> UsageError:
    """Describe a file that is missing or cannot be read; names nearby files of rows."""
    if error.errno == errno.ENAMETOOLONG:
        return UsageError(f"{label} cannot be read: {clean(error.strerror)}")
    if isinstance(error, FileNotFoundError):
        siblings: list[str] = []
        with suppress(OSError):  # the folder is missing too, or cannot be listed
            siblings = [
                file.name for file in path.parent.iterdir() if file.suffix in _ENDINGS or file.is_dir()
            ]
        hint = clean(did_you_mean(path.name, siblings))
        return UsageError(f"{label} does not exist{hint}", expected=EXPECTED)
    return UsageError(f"{label} cannot be read: {clean(error.strerror or error)}")


def describe_foreign(start: bytes, label: str) -> DataError:
    """Describe a file that is not one of NumPy's."""
    if not start:
        return DataError(f"{label} is empty", expected=EXPECTED)
    for magic, is_a, fix in _FOREIGN:
        if start.startswith(magic):
            return DataError(f"{label} {is_a}", expected=EXPECTED, fix=fix)
    for form, fix in _JSON.items():
        if re.match(form, start):
            return DataError(f"{label} is JSON", expected=EXPECTED, fix=fix)
    if all(byte >= 32 or byte in b"\t\r\n\f" for byte in start):
        return DataError(
            f"{label} is a text file",
            expected=EXPECTED,
            fix="np.save('x.npy', np.loadtxt(path, delimiter=','))",
        )
    return DataError(f"{label} is not a NumPy file: it begins with {start[:6]!r}", expected=EXPECTED)
