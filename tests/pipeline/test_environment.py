"""The name of the processor and the instructions that decide about rounding."""

from __future__ import annotations

from pathlib import Path

import pytest

from keras_consistency_cli.pipeline import environment


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (
            "processor\t: 0\nmodel name\t: A CPU\nflags\t\t: fpu avx2 avx fma\n\nmodel name\t: B\n",
            "A CPU (avx, avx2, fma)",
        ),
        ("processor\t: 0\nmodel name\t: Old CPU\nflags\t\t: fpu sse\n", "Old CPU"),
        ("processor\t: 0\nFeatures\t: fp asimd sve\n", "machine (asimd, sve)"),
    ],
)
def test_name_and_instructions(
    content: str, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cpuinfo").write_text(content)
    monkeypatch.setattr(environment, "_CPUINFO", tmp_path / "cpuinfo")
    monkeypatch.setattr(environment.platform, "processor", lambda: "")
    monkeypatch.setattr(environment.platform, "machine", lambda: "machine")
    assert environment.describe_cpu.__wrapped__() == expected


def test_without_the_file_the_machine_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "_CPUINFO", tmp_path / "missing")
    assert environment.describe_cpu.__wrapped__()
