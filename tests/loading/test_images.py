"""Folders of images: order, size, range, and files that cannot be read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from keras_consistency_cli.errors import DataError, UsageError
from keras_consistency_cli.loading.images import ImageForm, resize
from keras_consistency_cli.loading.row_chunks import take
from keras_consistency_cli.loading.rows.reading import Reading
from keras_consistency_cli.loading.rows.source import RowSource, open_rows

FORM = ImageForm(shape=(4, 6, 3))


def paint(path: Path, level: int, size: tuple[int, int] = (6, 4)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (level, 2 * level, 0)).save(path)


def opened(folder: Path, form: ImageForm | None = FORM) -> RowSource:
    return open_rows(folder, reading=Reading(images=form))


def test_images_of_all_classes_are_rows_in_the_order_of_their_names(tmp_path: Path) -> None:
    for level, name in enumerate(("cat/2.png", "cat/10.png", "dog/a.PNG", "b.png"), start=1):
        paint(tmp_path / name, level)
    (tmp_path / "cat" / "notes.txt").touch()
    (tmp_path / "cat" / ".hidden.png").touch()
    (tmp_path / "cat" / "link.png").symlink_to(tmp_path / "b.png")
    source = opened(tmp_path)
    rows = take(source, {"x": "data"}, np.arange(source.length))["x"]
    assert (rows.shape, rows.dtype) == ((4, 4, 6, 3), np.float32)
    assert rows[:, 0, 0, :2].tolist() == [[4, 8], [2, 4], [1, 2], [3, 6]]


def test_values_are_scaled_to_a_stated_range(tmp_path: Path) -> None:
    paint(tmp_path / "a.png", 100)
    array = opened(tmp_path, ImageForm(shape=(4, 6, 1), value_range=(-1.0, 1.0))).arrays["data"]
    grey = np.asarray(Image.open(tmp_path / "a.png").convert("L"))[0, 0]
    assert array[:1][0, 0, 0, 0] == pytest.approx(grey / 127.5 - 1)


@pytest.mark.parametrize("channels", [1, 3])
def test_images_of_16_bits_lose_the_lower_ones_as_in_tensorflow(tmp_path: Path, channels: int) -> None:
    tensorflow = pytest.importorskip("tensorflow")
    levels = np.random.default_rng(0).integers(0, 2**16, (4, 6)).astype(np.uint16)
    Image.fromarray(levels).save(tmp_path / "a.png")
    content = (tmp_path / "a.png").read_bytes()
    expected = tensorflow.io.decode_image(content, channels=channels, dtype=tensorflow.uint8).numpy()
    array = opened(tmp_path, ImageForm(shape=(4, 6, channels))).arrays["data"]
    np.testing.assert_allclose(array[:1][0], expected, atol=1.0)
    assert array[:1].max() > 200 > array[:1].mean()


@pytest.mark.parametrize("size", [(3, 5), (9, 4), (7, 7), (2, 11)])
def test_sizes_change_as_tensorflow_changes_them(size: tuple[int, int]) -> None:
    tensorflow = pytest.importorskip("tensorflow")
    pixels = np.random.default_rng(0).uniform(0, 255, (5, 7, 3)).astype(np.float32)
    expected = tensorflow.image.resize(pixels, size).numpy()
    np.testing.assert_allclose(resize(pixels, *size), expected, rtol=1e-5, atol=1e-3)


@pytest.mark.parametrize("content", [None, b"", b"not an image", b"\x89PNG\r\n\x1a\n cut"])
def test_folders_without_readable_images_are_refused(content: bytes | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(DataError):
        opened(tmp_path)


@pytest.mark.parametrize(
    ("damaged", "named"), [("ac", "c.png"), ("bd", "d.png"), ("abcd", "b.png, c.png, d.png")]
)
def test_all_damaged_images_are_named_at_once(damaged: str, named: str, tmp_path: Path) -> None:
    for name in "abcd":
        paint(tmp_path / f"{name}.png", 1)
        if name in damaged:
            (tmp_path / f"{name}.png").write_bytes(b"not an image")
    with pytest.raises(DataError) as refused:
        take(opened(tmp_path), {"x": "data"}, np.arange(4))
    assert str(refused.value).startswith(f"{len(damaged)} images")
    assert f"also {named}" in str(refused.value)
    assert f"{damaged[0]}.png cannot be read" in str(refused.value)


def test_a_folder_that_cannot_be_read_is_not_called_a_wrong_kind_of_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def deny(_: Path) -> Iterator[Path]:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", deny)
    with pytest.raises(UsageError, match="cannot be read: Permission denied"):
        opened(tmp_path)


def test_images_are_not_cut_into_windows(tmp_path: Path) -> None:
    paint(tmp_path / "a.png", 1)
    with pytest.raises(DataError, match="--window 2"):
        open_rows(tmp_path, reading=Reading(images=FORM, window=(2, 1)))


def test_served_rows_and_outputs_are_no_folder_of_images(tmp_path: Path) -> None:
    paint(tmp_path / "a.png", 1)
    with pytest.raises(UsageError) as refusal:
        open_rows(tmp_path, what="served rows")
    assert "the model" not in str(refusal.value), "it may take images; these rows come from a file"


def test_a_model_without_images_refuses_a_folder(tmp_path: Path) -> None:
    paint(tmp_path / "a.png", 1)
    with pytest.raises(DataError):
        opened(tmp_path, None)


def test_images_of_other_formats_are_left_out_and_said_to_be(tmp_path: Path) -> None:
    paint(tmp_path / "cat" / "a.png", 1)
    assert opened(tmp_path).remarks == ()
    for name in ("b.webp", "c.BMP", "Thumbs.db"):
        (tmp_path / "cat" / name).touch()
    (remark,) = opened(tmp_path).remarks
    assert "2 images of other formats (.bmp, .webp) left out" in remark
    (tmp_path / "cat" / "a.png").unlink()
    with pytest.raises(DataError, match="no images in PNG or JPEG, but 2 images of other formats"):
        opened(tmp_path)


def test_a_model_of_bytes_takes_whole_pixels(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (9, 7, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    form = ImageForm(shape=(4, 6, 3), dtype="uint8")
    rows = take(opened(tmp_path, form), {"x": "data"}, np.arange(1))["x"]
    floats = take(opened(tmp_path), {"x": "data"}, np.arange(1))["x"]
    assert rows.dtype == np.uint8
    assert np.abs(rows - floats).max() <= 0.5


def test_jpeg_can_be_decoded_as_in_keras_loader(tmp_path: Path) -> None:
    tensorflow = pytest.importorskip("tensorflow")
    colours = np.random.default_rng(0).uniform(0, 255, (4, 4, 3)).astype(np.uint8)
    for name in ("a.jpg", "b.png"):
        Image.fromarray(colours).resize((40, 30), Image.Resampling.BICUBIC).save(tmp_path / name)
    images = opened(tmp_path).images
    assert images is not None
    fast = images.decoded_fast()
    assert fast is not None
    content = (tmp_path / "a.jpg").read_bytes()
    expected = tensorflow.image.resize(tensorflow.io.decode_image(content, expand_animations=False), (4, 6))
    np.testing.assert_allclose(fast[np.arange(1)][0], expected.numpy(), atol=1e-3)
    assert not np.array_equal(fast[:1], images[:1])
    assert np.array_equal(fast[1:], images[1:])


def test_without_jpeg_there_is_one_decoder(tmp_path: Path) -> None:
    paint(tmp_path / "a.png", 1)
    images = opened(tmp_path).images
    assert images is not None
    assert images.decoded_fast() is None
