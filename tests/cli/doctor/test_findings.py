"""Findings of `kcheck doctor`: level, value and advice; probes run in their own processes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from keras_consistency_cli.cli.doctor import findings, probing
from keras_consistency_cli.cli.doctor.findings import Finding, collect_findings
from keras_consistency_cli.cli.doctor.probes import PROBES
from keras_consistency_cli.cli.doctor.probing import probe
from keras_consistency_cli.loading.model_file.summary import Hazard, summarise

WELL: dict[str, dict[str, Any]] = {
    "tensorflow": {
        "version": "2.21.0",
        "devices": ["CPU:0"],
        "TF32": True,
        "deterministic operations": False,
        "keras": "3.15.1",
    },
    "jax": {"missing": True},
    "torch": {"missing": True},
    "isolation": {"lacks": []},
}


def found(name: str, **probes: dict[str, Any]) -> Finding:
    return next(one for one in collect_findings(None, {**WELL, **probes}) if one.name == name)


def test_a_healthy_machine_has_no_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(findings, "free_memory", lambda: 8 * 2**30)
    report = collect_findings(None, WELL)
    assert [one for one in report if one.level == "trouble"] == []
    assert list(dict.fromkeys(one.section for one in report)) == [
        "versions",
        "backends",
        "machine",
        "isolation",
    ]
    assert found("tensorflow") == Finding(
        section="backends", level="ok", name="tensorflow", value="2.21.0 on CPU:0"
    )
    assert found("tensorflow: TF32").level == "ok", "TF32 changes nothing on a CPU"


@pytest.mark.parametrize(
    ("probes", "name", "level", "value"),
    [
        ({"tensorflow": {"missing": True}}, "tensorflow", "trouble", "not installed"),
        (
            {"tensorflow": {"problem": "ImportError: lib\x1b[1m"}},
            "tensorflow",
            "trouble",
            "cannot be imported: ImportError: lib\\x1b[1m",
        ),
        ({"torch": {"missing": True}}, "torch", "note", "not installed"),
        (
            {"tensorflow": {"version": "2", "devices": ["CPU:0", "GPU:0"], "TF32": True}},
            "tensorflow: TF32",
            "note",
            "on",
        ),
        (
            {"tensorflow": {"version": "2", "devices": ["CPU:0", "GPU:0"], "TF32": False}},
            "tensorflow: TF32",
            "ok",
            "off",
        ),
        (
            {"isolation": {"lacks": ["network: no seccomp"]}},
            "workers",
            "note",
            "cannot be prevented from network: no seccomp",
        ),
        ({"isolation": {"problem": "OSError: no"}}, "workers", "note", "unknown: OSError: no"),
    ],
)
def test_problems_have_a_level_and_advice(
    probes: dict[str, dict[str, Any]], name: str, level: str, value: str
) -> None:
    one = found(name, **probes)
    assert (one.level, one.value) == (level, value)
    assert (one.advice is not None) == (level != "ok" and "problem" not in probes.get("isolation", {}))


def test_an_old_keras_and_little_memory_are_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(findings, "installed_version", lambda *names: "3.8.0")
    monkeypatch.setattr(findings, "free_memory", lambda: 2**20)
    assert found("keras").level == "trouble"
    assert "CVE-2025-8747" in found("keras").value
    assert (found("memory").level, found("memory").value) == ("trouble", "0.0 GiB free")


def test_variables_that_change_numbers_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "0")
    assert found("TF_ENABLE_ONEDNN_OPTS").value == "0"


@pytest.mark.parametrize(
    ("text", "flags"),
    [
        ("flags\t: fpu avx2 fma xyz\n", ["avx2", "fma"]),
        ("Features : fp asimd bf16\n", ["asimd", "bf16"]),
        ("", []),
    ],
)
def test_cpu_flags(text: str, flags: list[str], tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text(text)
    assert findings._cpu_flags(tmp_path / "cpuinfo") == flags
    assert findings._cpu_flags(tmp_path / "none") == []


def test_versions_of_the_saved_model(tmp_path: Path) -> None:
    import keras

    keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]).save(tmp_path / "m.keras")
    summary = summarise(tmp_path / "m.keras")
    (own,) = [one for one in collect_findings(summary, WELL) if one.section == "model"]
    assert (own.level, own.value.startswith(f"saved with Keras {keras.__version__}")) == ("ok", True)
    from dataclasses import replace

    old = replace(
        summary,
        keras_version="3.3.0",
        hazards=(Hazard(kind="code", words="a Lambda layer", fix="--allow-unsafe", refused=True),),
    )
    levels = [(one.level, one.name) for one in collect_findings(old, WELL) if one.section == "model"]
    assert levels == [("note", str(tmp_path / "m.keras")), ("trouble", "code")]


def test_probes_run_in_their_own_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    (tmp_path / "tensorflow.py").write_text("raise SystemExit('not me')")
    found = probe(("tensorflow", "isolation"))
    assert found["tensorflow"]["devices"][0].startswith("CPU")
    assert set(found["isolation"]) == {"lacks"}
    assert list(PROBES) == [*findings._BACKENDS, "isolation"]


def test_a_probe_that_fails_says_how(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "torch.py").write_text("print('noise')\nraise OSError('libcudart is missing')")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join((str(tmp_path), os.environ.get("PYTHONPATH", ""))))
    monkeypatch.setattr(probing, "installed_version", lambda *names: "2.0")
    assert probe(("torch",)) == {"torch": {"problem": "OSError: libcudart is missing"}}
    (tmp_path / "torch.py").write_text("import os\nos._exit(7)")
    assert probe(("torch",)) == {"torch": {"problem": "its process ended with exit code 7 and no answer"}}
