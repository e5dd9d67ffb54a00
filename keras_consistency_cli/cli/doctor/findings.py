"""What `kcheck doctor` looks at: versions, backends, machine, isolation, a model's own versions; each a
finding with advice.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from keras_consistency_cli.cli.doctor.probes import PROBES
from keras_consistency_cli.loading.model_file.advisories import SAFE_VERSIONS, version_warning
from keras_consistency_cli.loading.model_file.summary import ModelSummary
from keras_consistency_cli.measurement.installed import installed_version
from keras_consistency_cli.reporting.version import __version__
from keras_consistency_cli.text import clean
from keras_consistency_cli.workers.supervision.memory import free_memory

__all__ = ["Finding", "collect_findings"]

Level = Literal["ok", "note", "trouble"]

_LITTLE_MEMORY = 2.0
_PACKAGES = ("keras", "numpy", "scikit-learn", "scipy", "h5py", "joblib", "skops", "pandas", "pyarrow")
_OPTIONAL: Mapping[str, str | None] = {
    "scipy": None,
    "pandas": "pip install pandas, for a scaler that selects columns by name",
    "pyarrow": "pip install pyarrow, to read .parquet files",
}
"""Packages that kcheck runs without, and why to install them."""
_BACKENDS = tuple(name for name in PROBES if name != "isolation")
_FLAGS = (
    *("avx2", "fma", "avx512f", "avx512_bf16", "avx512_vnni", "avx_vnni", "amx_bf16"),
    *("asimd", "bf16", "sve"),
)
"""CPU flags by which kernels choose their code; with different flags, sums are computed in a different
order, and without VNNI those of 8-bit products may be cut.
"""
_VARIABLES = (
    "TF_ENABLE_ONEDNN_OPTS",
    "TF_DETERMINISTIC_OPS",
    "NVIDIA_TF32_OVERRIDE",
    "OMP_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "KERAS_BACKEND",
    "XLA_FLAGS",
    "CUDA_VISIBLE_DEVICES",
    "JAX_DEFAULT_MATMUL_PRECISION",
    "PYTHONHASHSEED",
)


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One result of `kcheck doctor`: its section, level, name and value, and advice if there is any."""

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
        model: the file of `--model`, None without it.
        probes: the result of `probe`.
    """
    return (
        *_versions(),
        *_backends(probes),
        *_machine(),
        *_isolation(probes["isolation"]),
        *(_model_findings(model) if model else ()),
    )


def _versions() -> Iterator[Finding]:
    yield Finding(section="versions", level="ok", name="kcheck", value=__version__)
    yield Finding(
        section="versions",
        level="ok",
        name="Python",
        value=f"{platform.python_version()} ({platform.python_implementation()})",
    )
    for name in _PACKAGES:
        version = installed_version(name)
        if version is None:
            needed = name not in _OPTIONAL
            advice = f"pip install {name}" if needed else _OPTIONAL[name]
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
        answer = probes[name]
        is_default = name == "tensorflow"
        if answer.get("missing"):
            level: Level = "trouble" if is_default else "note"
            advice = f"pip install {name}" + ("" if is_default else f", for --backend {name} and --backends")
            yield Finding(section="backends", level=level, name=name, value="not installed", advice=advice)
        elif "problem" in answer:
            value = f"cannot be imported: {clean(answer['problem'])}"
            yield Finding(
                section="backends",
                level="trouble",
                name=name,
                value=value,
                advice=f"python -c 'import {name}' shows more",
            )
        else:
            yield from _backend(name, answer)


def _backend(name: str, answer: Mapping[str, Any]) -> Iterator[Finding]:
    devices = [clean(device, 60) for device in answer.get("devices", ())]
    yield Finding(
        section="backends", level="ok", name=name, value=f"{clean(answer['version'])} on {', '.join(devices)}"
    )
    accelerated = any("cpu" not in device.lower() for device in devices)
    for what, value in answer.items():
        if what not in ("version", "devices", "keras") and value is not None:
            shown = ("on" if value else "off") if isinstance(value, bool) else clean(value, 60)
            inexact = what == "TF32" and value is True and accelerated
            advice = (
                "products are rounded to 10 bits, so outputs differ from a CPU: KC601 measures by how much"
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
    yield Finding(section="machine", level="ok", name="CPU flags", value=" ".join(_cpu_flags()) or "unknown")
    free = free_memory()
    little = free is not None and free < _LITTLE_MEMORY * 2**30
    advice = (
        "three processes need about 1.5 GiB each: stop other programs, or there may be no verdict"
        if little
        else None
    )
    value = "unknown" if free is None else f"{free / 2**30:.1f} GiB free"
    yield Finding(
        section="machine", level="trouble" if little else "ok", name="memory", value=value, advice=advice
    )
    for name in _VARIABLES:
        if name in os.environ:
            yield Finding(section="machine", level="note", name=name, value=clean(os.environ[name], 100))


def _cpu_flags(source: Path = Path("/proc/cpuinfo")) -> list[str]:
    """The flags of the first CPU that matter to kernels."""
    try:
        lines = source.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    flags = next(
        (line.partition(":")[2].split() for line in lines if line.lower().startswith(("flags", "features"))),
        [],
    )
    return [flag for flag in _FLAGS if flag in flags]


def _isolation(answer: Mapping[str, Any]) -> Iterator[Finding]:
    if "problem" in answer:
        yield Finding(
            section="isolation", level="note", name="workers", value=f"unknown: {clean(answer['problem'])}"
        )
        return
    gaps = [clean(gap) for gap in answer["lacks"]]
    advice = "run kcheck on untrusted models in a container without a network" if gaps else None
    value = (
        f"cannot be prevented from {'; '.join(gaps)}"
        if gaps
        else "prevented from using the network and from writing files"
    )
    yield Finding(
        section="isolation", level="note" if gaps else "ok", name="workers", value=value, advice=advice
    )


def _model_findings(model: ModelSummary) -> Iterator[Finding]:
    running = installed_version("keras")
    same = model.keras_version == running
    advice = (
        None
        if same
        else "KC801 and KC802 report whether outputs changed, and name layers whose behaviour changed"
    )
    date = f" on {clean(model.saved_on.replace('@', ' '))}" if model.saved_on else ""
    value = f"saved with Keras {clean(model.keras_version) or '(unknown)'}{date}"
    level: Level = "ok" if same else "note"
    yield Finding(
        section="model",
        level=level,
        name=clean(model.path),
        value=value + ("" if same else f", running {running}"),
        advice=advice,
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
