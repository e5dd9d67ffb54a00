"""Copies of files behind URLs: what is copied, limits, and what a storage may do wrong."""

from __future__ import annotations

import http.server
import subprocess
import sys
import threading
from collections import namedtuple
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import pytest

from keras_consistency_cli.errors import KcheckError, NoVerdictError, UsageError
from keras_consistency_cli.pipeline.files import remote as module
from keras_consistency_cli.pipeline.files.remote import copy_url
from keras_consistency_cli.workers.deadline import Deadline

fsspec = pytest.importorskip("fsspec")
memory = pytest.importorskip("fsspec.implementations.memory")


class Storage(memory.MemoryFileSystem):  # type: ignore[misc, name-defined]
    """A storage in memory that fails as others do."""

    protocol = "s3"
    store: ClassVar[dict[str, Any]] = {}
    failure: Exception | None = None
    stated: int | str | None = "true"

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return "/" + path.removeprefix("s3://").strip("/")

    def info(self, path: str, **more: Any) -> dict[str, Any]:
        """Return the size of a file, or a wrong one."""
        if Storage.failure is not None:
            raise Storage.failure
        info: dict[str, Any] = super().info(path, **more)
        return info if self.stated == "true" else {**info, "size": self.stated}


@pytest.fixture(autouse=True)
def storage(monkeypatch: pytest.MonkeyPatch) -> Iterator[Storage]:
    from fsspec.registry import _registry

    monkeypatch.setitem(_registry, "s3", Storage)
    Storage.clear_instance_cache()
    monkeypatch.setattr(Storage, "store", {})
    monkeypatch.setattr(Storage, "pseudo_dirs", [""])
    monkeypatch.setattr(Storage, "failure", None)
    monkeypatch.setattr(Storage, "stated", "true")
    return Storage()


def copy(url: str, folder: Path, deadline: Deadline | None = None) -> Path:
    folder.mkdir(exist_ok=True)
    copy_url(url, folder / "copy", deadline or Deadline(answer=1), lambda _: None)
    return folder / "copy"


def names(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("name", ["x.npy", "table.csv", "a b;c.parquet", ".hidden.npy"])
def test_a_file_keeps_its_bytes(name: str, storage: Storage, tmp_path: Path) -> None:
    content = b"0123456789" * 10**6
    storage.pipe(f"/bucket/{name}", content)
    copied = copy(f"s3://bucket/{name}", tmp_path)
    assert copied.read_bytes() == content


@pytest.mark.parametrize("url", ["s3://bucket/rows", "s3://bucket/rows/"])
def test_of_a_folder_only_files_of_rows_are_copied(url: str, storage: Storage, tmp_path: Path) -> None:
    for name in ("part-1.npy", "part-2.npy", "a.png", "notes.txt", ".part.npy", "old/part-0.npy"):
        storage.pipe(f"/bucket/rows/{name}", b"1")
    storage.pipe("/bucket/rows-2/part-1.npy", b"1")
    assert names(copy(url, tmp_path)) == {"part-1.npy", "part-2.npy"}


def test_images_are_copied_with_the_folders_of_their_classes(storage: Storage, tmp_path: Path) -> None:
    for name in ("cats/1.png", "dogs/1.JPG", "dogs/.x.png", "labels.csv", "a/b/c/1.png"):
        storage.pipe(f"/bucket/{name}", b"1")
    assert names(copy("s3://bucket", tmp_path)) == {"cats/1.png", "dogs/1.JPG"}


def test_no_file_is_written_outside_of_the_folder(
    storage: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = ["/rows/../../x.npy", "/rows//etc/x.png", "/elsewhere/x.npy", "/rows/good.npy"]
    storage.pipe("/rows/good.npy", b"1")
    monkeypatch.setattr(Storage, "find", lambda *_, **__: {name: {"size": 1} for name in listed})
    assert names(copy("s3://rows/", tmp_path / "into")) == {"good.npy"}
    assert names(tmp_path) == {"into/copy/good.npy"}


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        (FileNotFoundError("x"), UsageError),
        (PermissionError("Forbidden"), UsageError),
        (ImportError("Install s3fs"), UsageError),
        (OSError("the network is down\nfor long"), NoVerdictError),
        (ValueError("\x1b[31m" + "x" * 10_000), NoVerdictError),
        (Exception(), NoVerdictError),
    ],
)
def test_what_a_storage_raises_is_a_short_error(
    failure: Exception, kind: type[KcheckError], tmp_path: Path
) -> None:
    Storage.failure = failure
    with pytest.raises(kind) as refused:
        copy("s3://bucket/x.npy", tmp_path)
    text = str(refused.value)
    assert len(text.splitlines()) <= 3
    assert len(text) < 700
    assert "\x1b" not in text


@pytest.mark.parametrize("url", ["s3://bucket/none.npy", "s3://bucket/none/", "s3://bucket/empty/"])
def test_what_is_not_there_is_a_mistake_of_the_call(url: str, storage: Storage, tmp_path: Path) -> None:
    storage.pipe("/bucket/empty/readme.md", b"1")
    with pytest.raises(UsageError):
        copy(url, tmp_path)


def test_a_missing_package_is_named(tmp_path: Path) -> None:
    # Of a storage that is not installed here.
    with pytest.raises(UsageError, match="ossfs"):
        copy("oss://bucket/x.npy", tmp_path)


def test_without_fsspec_the_line_that_installs_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "fsspec.core", None)
    with pytest.raises(UsageError) as refused:
        copy("s3://bucket/x.npy", tmp_path)
    assert "[remote]" in str(refused.value.fix)


@pytest.mark.parametrize("stated", ["true", None])
def test_a_file_larger_than_the_disk_is_not_copied(
    stated: str | None, storage: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage.pipe("/bucket/x.npy", b"1" * 1001)
    storage.pipe("/bucket/y.npy", b"1" * 1000)
    usage = namedtuple("usage", "free")(module._KEPT + 1000)
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage)
    monkeypatch.setattr(Storage, "stated", stated)
    with pytest.raises(NoVerdictError):
        copy("s3://bucket/x.npy", tmp_path / "x")
    assert copy("s3://bucket/y.npy", tmp_path / "y").stat().st_size == 1000


@pytest.mark.parametrize("stated", [3, 5])
def test_a_copy_has_the_size_that_the_storage_states(
    stated: int, storage: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage.pipe("/bucket/x.npy", b"1234")
    monkeypatch.setattr(Storage, "stated", stated)
    with pytest.raises(NoVerdictError):
        copy("s3://bucket/x.npy", tmp_path)


def test_a_copy_ends_with_the_time_of_the_run(storage: Storage, tmp_path: Path) -> None:
    storage.pipe("/bucket/x.npy", b"1234")
    with pytest.raises(NoVerdictError, match="total-timeout"):
        copy("s3://bucket/x.npy", tmp_path, Deadline(answer=1, total=0))


def test_a_storage_that_never_answers_ends_with_the_time_of_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = threading.Event()
    monkeypatch.setattr(Storage, "info", lambda *_: answer.wait())
    with pytest.raises(NoVerdictError, match="total-timeout"):
        copy("s3://bucket/x.npy", tmp_path, Deadline(answer=1, total=0.05))
    answer.set()


def test_a_server_of_http(tmp_path: Path) -> None:
    pytest.importorskip("aiohttp")
    (tmp_path / "served").mkdir()
    for name in ("part-1.npy", "part-2.npy", "readme.md"):
        (tmp_path / "served" / name).write_bytes(b"1" * 10**6)

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Print nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    base = f"http://127.0.0.1:{server.server_port}/served"
    try:
        assert copy(f"{base}/part-1.npy", tmp_path / "one").stat().st_size == 10**6
        assert names(copy(f"{base}/", tmp_path / "all")) == {"part-1.npy", "part-2.npy"}
        with pytest.raises(UsageError):
            copy(f"{base}/none.npy", tmp_path / "none")
    finally:
        server.shutdown()
        server.server_close()


def test_fsspec_is_imported_only_for_a_url() -> None:
    code = (
        "import sys; from keras_consistency_cli.pipeline import run, worker_setup; "
        "sys.exit('fsspec' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
