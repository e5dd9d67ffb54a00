"""What `kcheck doctor` looks at: versions, backends, machine, isolation, a model's own versions; each a finding with advice."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from keras_consistency_cli.cli.doctor.probes import MARK, PROBES
from keras_consistency_cli.loading.model_file.advisories import SAFE_VERSIONS, version_warning
from keras_consistency_cli.loading.model_file.summary import ModelSummary
from keras_consistency_cli.reporting.version import __version__
from keras_consistency_cli.text import clean
from keras_consistency_cli.workers.supervision.memory import free_memory

__all__ = ["Finding", "collect_findings", "probe"]

Level = Literal["ok", "note", "trouble"]

_PATIENCE = 120.0
"""Seconds that a backend may take to be imported."""
_LITTLE_MEMORY = 2.0
_PACKAGES = ("keras", "numpy", "scikit-learn", "scipy", "h5py", "joblib", "skops", "pandas", "pyarrow")
_OPTIONAL = {"scipy", "pandas", "pyarrow"}
_BACKENDS = tuple(name for name in PROBES if name != "isolation")
_DISTRIBUTIONS = {"tensorflow": ("tensorflow", "tensorflow-cpu"), "jax": ("jax",), "torch": ("torch",)}
_FLAGS = ("avx2", "fma", "avx512f", "avx512_bf16", "avx512_vnni", "amx_bf16", "asimd", "bf16", "sve")
"""What kernels choose their code by: another set, and sums are made in another order."""
_VARIABLES = ("TF_ENABLE_ONEDNN_OPTS", "TF_DETERMINISTIC_OPS", "NVIDIA_TF32_OVERRIDE", "OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "KERAS_BACKEND",
              "XLA_FLAGS", "CUDA_VISIBLE_DEVICES", "JAX_DEFAULT_MATMUL_PRECISION", "PYTHONHASHSEED")  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that was looked at: where it belongs, how well it is, what it is, and what to do about it."""

    section: str
    level: Level
    name: str
    value: str
    advice: str | None = None


def collect_findings(
    model: ModelSummary | None, probes: Mapping[str, Mapping[str, Any]]
) -> tuple[Finding, ...]:
    """Return every finding, section by section.

    Args:
        model: what `--model` is, None without it.
        probes: what `probe` found.
    """
    return (
        *_versions(),
        *_backends(probes),
        *_machine(),
        *_isolation(probes["isolation"]),
        *(_of_model(model) if model else ()),
    )


def probe(names: Sequence[str] = tuple(PROBES)) -> dict[str, dict[str, Any]]:
    """Ask processes of their own, side by side; a backend that is not installed is not asked."""
    asked = {
        name: _started(name)
        for name in names
        if name not in _DISTRIBUTIONS or _installed(*_DISTRIBUTIONS[name])
    }
    return {name: _answer(asked[name]) if name in asked else {"missing": True} for name in names}


def _started(name: str) -> subprocess.Popen[str]:
    root = str(Path(__file__).resolve().parents[3])
    environment = {
        **os.environ,
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "PYTHONPATH": os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH")))),
    }
    # -P: a keras.py in the working directory is not the Keras that is asked for.
    command = [sys.executable, "-P", "-m", "keras_consistency_cli.cli.doctor.probes", name]
    quiet = subprocess.DEVNULL
    return subprocess.Popen(
        command,
        stdin=quiet,
        stdout=subprocess.PIPE,
        stderr=quiet,
        text=True,
        errors="replace",
        env=environment,
    )


def _answer(process: subprocess.Popen[str]) -> dict[str, Any]:
    try:
        printed, _ = process.communicate(timeout=_PATIENCE)
    except subprocess.TimeoutExpired:
        return {"problem": f"not imported within {_PATIENCE:g} seconds"}
    finally:
        process.kill()
        process.wait()
    lines = [line.removeprefix(MARK) for line in printed.splitlines() if line.startswith(MARK)]
    try:
        found = json.loads(lines[-1]) if lines else None
    except ValueError:
        found = None
    return (
        found
        if isinstance(found, dict)
        else {"problem": f"its process ended with {process.returncode} and said nothing"}
    )


def _installed(*distributions: str) -> str | None:
    for name in distributions:
        try:
            return importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return None


def _versions() -> Iterator[Finding]:
    yield Finding(section="versions", level="ok", name="kcheck", value=__version__)
    yield Finding(
        section="versions",
        level="ok",
        name="Python",
        value=f"{platform.python_version()} ({platform.python_implementation()})",
    )
    for name in _PACKAGES:
        version = _installed(name)
        if version is None:
            needed = name not in _OPTIONAL
            advice = (
                f"pip install {name}"
                if needed
                else "pip install 'keras-consistency-cli[tables]' to read Parquet"
                if name == "pyarrow"
                else None
            )
            yield Finding(
                section="versions",
                level="trouble" if needed else "note",
                name=name,
                value="not installed",
                advice=advice,
            )
        else:
            warning = version_warning(version, "this is") if name == "keras" else None
            advice = f"update to {SAFE_VERSIONS}" if warning else None
            yield Finding(
                section="versions",
                level="trouble" if warning else "ok",
                name=name,
                value=warning or version,
                advice=advice,
            )


def _backends(probes: Mapping[str, Mapping[str, Any]]) -> Iterator[Finding]:
    for name in _BACKENDS:
        found = probes[name]
        own = name == "tensorflow"
        if found.get("missing"):
            level: Level = "trouble" if own else "note"
            advice = f"pip install {name}" + ("" if own else f", to check with --backend {name}")
            yield Finding(section="backends", level=level, name=name, value="not installed", advice=advice)
        elif "problem" in found:
            value = f"cannot be imported: {clean(found['problem'])}"
            yield Finding(
                section="backends",
                level="trouble",
                name=name,
                value=value,
                advice=f"python -c 'import {name}' shows more",
            )
        else:
            yield from _backend(name, found)


def _backend(name: str, found: Mapping[str, Any]) -> Iterator[Finding]:
    devices = [clean(device, 60) for device in found.get("devices", ())]
    yield Finding(
        section="backends", level="ok", name=name, value=f"{clean(found['version'])} on {', '.join(devices)}"
    )
    accelerated = any("cpu" not in device.lower() for device in devices)
    for what, value in found.items():
        if what not in ("version", "devices", "keras") and value is not None:
            shown = (
                {True: "on", False: "off"}.get(value, clean(value, 60))
                if isinstance(value, bool)
                else clean(value, 60)
            )
            inexact = what == "TF32" and value is True and accelerated
            advice = (
                "products are rounded to 10 bits; keras answers otherwise than on a CPU: KC601 measures it"
                if inexact
                else None
            )
            yield Finding(
                section="backends",
                level="note" if inexact else "ok",
                name=f"{name}: {what}",
                value=shown,
                advice=advice,
            )


def _machine() -> Iterator[Finding]:
    yield Finding(section="machine", level="ok", name="system", value=platform.platform())
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    yield Finding(section="machine", level="ok", name="cores", value=f"{cores} of {os.cpu_count()}")
    yield Finding(
        section="machine", level="ok", name="CPU flags", value=" ".join(_cpu_flags()) or "not told here"
    )
    free = free_memory()
    little = free is not None and free < _LITTLE_MEMORY * 2**30
    advice = (
        "three processes with a backend each take about 1.5 GiB: end others, or expect no verdict"
        if little
        else None
    )
    value = "not told here" if free is None else f"{free / 2**30:.1f} GiB free"
    yield Finding(
        section="machine", level="trouble" if little else "ok", name="memory", value=value, advice=advice
    )
    for name in _VARIABLES:
        if name in os.environ:
            yield Finding(section="machine", level="note", name=name, value=clean(os.environ[name], 100))


def _cpu_flags(source: Path = Path("/proc/cpuinfo")) -> list[str]:
    """The flags of the first CPU that kernels go by."""
    try:
        lines = source.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    told = next(
        (line.partition(":")[2].split() for line in lines if line.lower().startswith(("flags", "features"))),
        [],
    )
    return [flag for flag in _FLAGS if flag in told]


def _isolation(found: Mapping[str, Any]) -> Iterator[Finding]:
    if "problem" in found:
        yield Finding(
            section="isolation", level="note", name="workers", value=f"not known: {clean(found['problem'])}"
        )
        return
    lacks = [clean(each) for each in found["lacks"]]
    advice = "run kcheck on models you do not trust in a container without a network" if lacks else None
    value = f"not kept from {'; '.join(lacks)}" if lacks else "kept from the network and from writing files"
    yield Finding(
        section="isolation", level="note" if lacks else "ok", name="workers", value=value, advice=advice
    )


def _of_model(model: ModelSummary) -> Iterator[Finding]:
    here = _installed("keras")
    same = model.keras_version == here
    advice = (
        None
        if same
        else "KC801 and KC802 tell whether answers moved; layers whose behaviour changed are named there"
    )
    date = f" on {clean(model.saved_on.replace('@', ' '))}" if model.saved_on else ""
    value = f"saved with Keras {clean(model.keras_version) or '(unknown)'}{date}"
    level: Level = "ok" if same else "note"
    yield Finding(
        section="model",
        level=level,
        name=clean(model.path),
        value=value + ("" if same else f", this is {here}"),
        advice=advice,
    )
    warning = version_warning(model.keras_version, "it was saved with")
    if warning:
        yield Finding(
            section="model",
            level="note",
            name="origin",
            value=warning,
            advice="nothing of the file is run before it has been read as data",
        )
    for hazard in model.hazards:
        level = "trouble" if hazard.refused else "note"
        yield Finding(
            section="model",
            level=level,
            name=clean(hazard.kind),
            value=clean(hazard.words, 300),
            advice=hazard.fix or None,
        )
