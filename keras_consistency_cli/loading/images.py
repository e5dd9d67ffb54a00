"""A folder of images as rows: decoded when they are read, so that memory does not grow with the folder.

Pillow is imported only if there is such a folder. Sizes change as keras.utils.image_dataset_from_directory
changes them. That function decodes JPEG with TensorFlow, which is faster and less accurate: pixels are some
levels of 255 apart. A worker, in which TensorFlow runs, can read a folder in this way too.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from keras_consistency_cli.errors import DataError, UsageError
from keras_consistency_cli.text import clean, format_count

__all__ = ["IMAGE_ENDINGS", "ImageForm", "Images", "open_images"]

_JPEG_ENDINGS = (".jpg", ".jpeg")
IMAGE_ENDINGS = (".png", *_JPEG_ENDINGS)
"""The endings of images that are read."""
_OTHER_ENDINGS = (".avif", ".bmp", ".gif", ".heic", ".jfif", ".jp2", ".tif", ".tiff", ".webp")
_MOST_FILES, _MOST_PIXELS = 1_000_000, 100_000_000
_PROBED, _SHOWN = 256, 5
_MODES = {1: "L", 3: "RGB", 4: "RGBA"}
_JPEG_START = b"\xff\xd8"
_EXPECTED = "a folder with PNG or JPEG files, or with a folder of them for each class"
_Floats = npt.NDArray[np.float32]
_Pixels = npt.NDArray[Any]


@dataclass(frozen=True, kw_only=True)
class ImageForm:
    """How the model takes images: height, width, channels, dtype, and the range of values if it is stated."""

    shape: tuple[int, int, int]
    value_range: tuple[float, float] | None = None
    dtype: str = "float32"


class Images:
    """Files as an array of shape (files, height, width, channels); rows are decoded when they are taken."""

    base = None
    ndim = 4

    def __init__(
        self, files: Sequence[Path], form: ImageForm, remark: str | None = None, *, is_fast: bool = False
    ) -> None:
        self._files, self._form, self.remark, self._is_fast = files, form, remark, is_fast
        self.dtype = np.dtype(form.dtype)
        self.shape = (len(files), *form.shape)
        self.nbytes = int(np.prod(self.shape, dtype=np.int64)) * self.dtype.itemsize
        self.size = self.nbytes // self.dtype.itemsize

    def __len__(self) -> int:
        return len(self._files)

    @property
    def level(self) -> float:
        """One level of 255, in the range of the values."""
        low, high = self._form.value_range or (0.0, 255.0)
        return (high - low) / 255

    def decoded_fast(self) -> Images | None:
        """Return the same images with JPEG decoded by TensorFlow, None if there is no such file.

        Only a process with TensorFlow can take its rows. It decodes no JPEG with four channels.
        """
        has_jpeg = any(path.suffix.lower() in _JPEG_ENDINGS for path in self._files)
        return Images(self._files, self._form, is_fast=True) if has_jpeg and self.shape[-1] < 4 else None

    def __getitem__(self, rows: slice | npt.NDArray[np.int64]) -> _Pixels:
        chosen = [self._files[row] for row in np.arange(len(self))[rows].tolist()]
        result = np.empty((len(chosen), *self._form.shape), self.dtype)
        problems: dict[Path, DataError] = {}
        # Pillow releases the interpreter's lock while it decodes.
        with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
            for place, image in enumerate(pool.map(self._try_to_decode, chosen)):
                if isinstance(image, DataError):
                    problems[chosen[place]] = image
                else:
                    result[place] = image
        if problems:
            raise _join(problems)
        return result

    def check_first(self) -> None:
        """Refuse a damaged first file, with all others among the first ones, before anything else is started.

        Raises:
            DataError: the first image cannot be read.
        """
        if isinstance(self._try_to_decode(self._files[0]), DataError):
            self[:_PROBED]

    def _try_to_decode(self, path: Path) -> _Pixels | DataError:
        try:
            return self._decode(path)
        except DataError as problem:
            return problem

    def _decode(self, path: Path) -> _Pixels:
        height, width, channels = self._form.shape
        read = _decode_fast(path, channels) if self._is_fast else None
        pixels = resize(_read_pixels(path, _MODES[channels]) if read is None else read, height, width)
        if self._form.value_range is not None:
            low, high = self._form.value_range
            pixels = np.asarray(low + pixels * ((high - low) / 255), np.float32)
        return pixels if self.dtype.kind == "f" else np.rint(pixels).astype(self.dtype)


def open_images(folder: Path, form: ImageForm | None, label: str) -> Images:
    """Return the images of a folder, in the order of their names.

    Raises:
        UsageError: Pillow is not installed.
        DataError: no images, one that cannot be read, or a model that takes none.
    """
    if form is None:
        raise DataError(
            f"{label} is a directory, and the model has no input of images with a fixed size",
            expected="a .npy, .npz, .csv, .parquet or .txt file; "
            "a folder only for a model with one input (height, width, channels)",
        )
    try:
        importlib.import_module("PIL.Image")
    except ImportError as error:
        fix = "pip install 'keras-consistency-cli[images]'"
        raise UsageError(f"{label} is a folder of images, which needs Pillow", fix=fix) from error
    found = sorted(islice(_find_files(folder), _MOST_FILES))
    files = [path for path in found if path.suffix.lower() in IMAGE_ENDINGS]
    others = [path for path in found if path.suffix.lower() in _OTHER_ENDINGS]
    if not files:
        is_other = f" in PNG or JPEG, but {_count(others)}" if others else ""
        raise DataError(f"{label} has no images{is_other}", expected=_EXPECTED)
    images = Images(files, form, remark=f"{label}: {_count(others)} left out" if others else None)
    images.check_first()
    return images


def _join(problems: Mapping[Path, DataError]) -> DataError:
    """Return one error for all images that cannot be read."""
    first, *others = problems
    if not others:
        return problems[first]
    more = f" and {len(others) - _SHOWN} more" if len(others) > _SHOWN else ""
    return DataError(
        f"{format_count(len(problems), 'image')} cannot be taken: {problems[first].what}; "
        f"also {', '.join(clean(path.name) for path in others[:_SHOWN])}{more}",
        expected="complete PNG or JPEG files",
        fix="save them again, or take them out of the folder",
    )


def _count(others: Sequence[Path]) -> str:
    """Return how many files of other formats there are, and their endings."""
    endings = ", ".join(sorted({path.suffix.lower() for path in others}))
    return f"{format_count(len(others), 'image')} of other formats ({endings})"


def _find_files(folder: Path) -> Iterator[Path]:
    """Yield image files of the folder and of the folders in it; links are not followed."""
    for path in folder.iterdir():
        if path.name.startswith(".") or path.is_symlink():
            continue
        if path.is_dir():
            yield from (inner for inner in path.iterdir() if _is_image(inner))
        elif _is_image(path):
            yield path


def _is_image(path: Path) -> bool:
    is_visible = not path.name.startswith(".") and not path.is_symlink()
    return is_visible and path.suffix.lower() in (*IMAGE_ENDINGS, *_OTHER_ENDINGS) and path.is_file()


def _read_pixels(path: Path, mode: str) -> _Floats:
    image_module = importlib.import_module("PIL.Image")
    try:
        with image_module.open(path, formats=("PNG", "JPEG")) as image:
            if image.width * image.height > _MOST_PIXELS:
                raise DataError(
                    f"{clean(path)} has {image.width} x {image.height} pixels",
                    expected=f"at most {_MOST_PIXELS:,}",
                )
            if image.mode.startswith("I"):
                # Pillow would cut 16 bits at 255; Keras's loader keeps the upper 8 of them.
                image = image_module.fromarray((np.asarray(image) >> 8).astype(np.uint8))
            pixels = np.asarray(image.convert(mode), np.float32)
    except DataError:
        raise
    except Exception as problem:  # Pillow fails on damaged files in any way
        reason = f"{type(problem).__name__}: {clean(problem, 100)}"
        raise DataError(
            f"{clean(path)} cannot be read as an image: {reason}",
            expected="a complete PNG or JPEG file",
            fix="save it again, or take it out of the folder",
        ) from problem
    return pixels if pixels.ndim == 3 else pixels[..., None]


def _decode_fast(path: Path, channels: int) -> _Floats | None:
    """Return a JPEG as Keras's loader of folders decodes it; None for a file of another kind.

    Pillow has read the file before, within its limits.
    """
    content = path.read_bytes()
    if not content.startswith(_JPEG_START):
        return None
    decoded = importlib.import_module("tensorflow").io.decode_jpeg(content, channels=channels)
    return np.asarray(decoded.numpy(), np.float32)


def resize(pixels: _Floats, height: int, width: int) -> _Floats:
    """Return an image of this size: bilinear, with the centres of pixels in place, without smoothing."""
    top, bottom, down = _neighbours(pixels.shape[0], height)
    left, right, across = _neighbours(pixels.shape[1], width)
    upper = pixels[top][:, left] * (1 - across)[None, :, None] + pixels[top][:, right] * across[None, :, None]
    lower = pixels[bottom][:, left] * (1 - across)[None, :, None]
    lower = lower + pixels[bottom][:, right] * across[None, :, None]
    blended = upper * (1 - down)[:, None, None] + lower * down[:, None, None]
    return np.asarray(blended, np.float32)


def _neighbours(size: int, wanted: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], _Floats]:
    """For each wanted pixel: the two pixels around it, and the share of the second."""
    places = (np.arange(wanted, dtype=np.float32) + 0.5) * np.float32(size / wanted) - 0.5
    before = np.floor(places)
    share = np.asarray(places - before, np.float32)
    first = np.clip(before, 0, size - 1).astype(np.int64)
    return first, np.clip(before + 1, 0, size - 1).astype(np.int64), share
