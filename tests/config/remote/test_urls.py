"""URLs in the place of paths: what is a URL, what is taken, and that no text of it is lost."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from keras_consistency_cli.config.remote.urls import RemotePath, is_url, parse_url, path_in
from keras_consistency_cli.config.settings import Settings, load_settings
from keras_consistency_cli.config.sources import DiscoveredConfig
from keras_consistency_cli.errors import UsageError

HEALTHY = [
    "s3://bucket/a//b.npy",
    "gs://bucket/shards/",
    "http://127.0.0.1:8000/x.npy",
    "https://host/data@v2/x.npy",
    "sftp://user@host:22/x.npy",
    "sftp://host:22/users/me@home/x.npy",
    "abfs://container@account.dfs.core.windows.net/x.csv",
    "hf://datasets/user/repo@main/x.parquet",
    "s3://bucket/time=12:00/x.npy",
    "s3://bucket/x.npy?versionId=3",
    "memory://x.npy",
]
PATHS = ["x.npy", "a/b://c.npy", "./s3://bucket/x.npy", "http//host/x.npy", "C:/x.npy", "/a:b/c", "://x"]


@pytest.mark.parametrize("url", HEALTHY)
def test_a_url_keeps_every_character(url: str) -> None:
    path = Settings(model=Path("m.keras"), data=url).data  # type: ignore[arg-type]
    assert isinstance(path, RemotePath)
    assert (str(path), str(pickle.loads(pickle.dumps(path)))) == (url, url)
    assert Settings(model=Path("m.keras"), data=path).model_dump(mode="json")["data"] == url
    assert not isinstance(path.parent / "y.npy", str)


@pytest.mark.parametrize("text", PATHS)
def test_a_path_stays_one(text: str) -> None:
    assert (is_url(text), parse_url(text)) == (False, None)
    assert path_in(Path("folder"), text) == Path("folder") / text


def test_a_file_of_this_machine_is_not_copied() -> None:
    path = parse_url("file:///data/x.npy")
    assert path == Path("/data/x.npy")
    assert not isinstance(path, RemotePath)


@pytest.mark.parametrize(
    "url",
    [
        "C://x.npy",
        "S3://bucket/x.npy",
        "s4://bucket/x.npy",
        "smb://host/x.npy",
        "zip://x.npy",
        "file://x.npy",
        "simplecache::s3://bucket/x.npy",
        "s3://bucket/x.zip::memory://y",
        "zip://x.npy::s3://bucket/a.zip",
        "s3://",
        "s3:///",
    ],
)
def test_what_is_no_storage_is_refused_in_few_lines(url: str) -> None:
    with pytest.raises(UsageError) as refused:
        load_settings({"model": "m.keras", "data": url}, {})
    assert len(str(refused.value).splitlines()) <= 3


@pytest.mark.parametrize(
    "url",
    [
        "ftp://user:SECRET@host/x.npy",
        "s3://KEY:SEC/RET@bucket/x.npy",
        "sftp://user:12345@host/x.npy",
        "zip://user:SECRET@host/x.npy::s3://a",
        "https://host/x.npy?X-Amz-Signature=SECRET",
    ],
)
def test_a_url_with_a_secret_is_refused_without_it(url: str) -> None:
    with pytest.raises(UsageError) as refused:
        Settings(model=Path("m.keras"), reference=url)  # type: ignore[arg-type]
    assert not [secret for secret in ("SECRET", "RET", "12345") if secret in str(refused.value)]


def test_urls_in_a_file_do_not_belong_to_its_folder(tmp_path: Path) -> None:
    (tmp_path / "k.yaml").write_text("model: s3://b/m.keras\ndata: gs://b/x/\nserved: y.npy\nscaler: C://s\n")
    with pytest.raises(UsageError):
        load_settings({"config": str(tmp_path / "k.yaml")}, {})
    settings = load_settings({"config": str(tmp_path / "k.yaml"), "scaler": "s3://b/s.skops"}, {})
    assert [str(settings.model), str(settings.data), str(settings.scaler)] == [
        "s3://b/m.keras",
        "gs://b/x/",
        "s3://b/s.skops",
    ]
    assert settings.served == tmp_path / "y.npy"


def test_a_file_that_nobody_named_has_no_urls(tmp_path: Path) -> None:
    (tmp_path / "kcheck.yaml").write_text("data: s3://b/x.npy\n")
    with pytest.raises(UsageError):
        load_settings({"model": "m"}, {}, DiscoveredConfig(config=tmp_path / "kcheck.yaml"))
    (tmp_path / "kcheck.yaml").write_text("endpoints: http://127.0.0.1:1/predict\n")
    assert load_settings({"model": "m"}, {}, DiscoveredConfig(config=tmp_path / "kcheck.yaml")).endpoints


def test_no_report_is_written_to_a_url() -> None:
    path = load_settings({"model": "m", "bundle": "s3://b/bundle"}, {}).bundle
    assert not isinstance(path, RemotePath)
