"""Versions of Keras in which loading a file is known to be unsafe.

The table follows the published advisories and the fixes in Keras's own source: one row for each advisory,
with the ranges of versions as its publisher gives them. `docs/safety.md` links the sources.
"""

from __future__ import annotations

from dataclasses import dataclass

from keras_consistency_cli.measurement.installed import KerasVersion, parse_version

__all__ = ["ADVISORIES", "SAFE_VERSIONS", "Advisory", "find_advisories", "version_warning"]

SAFE_VERSIONS = "3.12.4 of the 3.12 series, or 3.15.1 or newer"
"""The versions to update to: the first that no row of the table covers."""


@dataclass(frozen=True, kw_only=True)
class Advisory:
    """One known fault of Keras.

    `allows` says what a file can do, as the end of a sentence. `ranges` are pairs of the first affected
    version and the first version with the fix.
    """

    number: str
    allows: str
    source: str
    ranges: tuple[tuple[KerasVersion, KerasVersion], ...]


_GITHUB = "https://github.com/advisories/"

ADVISORIES: tuple[Advisory, ...] = (
    Advisory(
        number="CVE-2025-1550",
        allows="runs any function named in the config",
        source=f"{_GITHUB}GHSA-48g7-3x6r-xfhp",
        ranges=(((3, 0, 0), (3, 9, 0)),),
    ),
    Advisory(
        number="CVE-2025-8747",
        allows="calls functions of Keras itself that fetch and overwrite files",
        source=f"{_GITHUB}GHSA-c9rc-mg46-23w3",
        ranges=(((3, 0, 0), (3, 11, 0)),),
    ),
    Advisory(
        number="CVE-2025-9906",
        allows="switches safe_mode off and runs code",
        source=f"{_GITHUB}GHSA-36fq-jgmw-4r9c",
        ranges=(((3, 0, 0), (3, 11, 0)),),
    ),
    Advisory(
        number="CVE-2025-9905",
        allows="runs code from an .h5 file, safe_mode or not",
        source=f"{_GITHUB}GHSA-36rr-ww3j-vrjv",
        ranges=(((3, 0, 0), (3, 11, 3)),),
    ),
    Advisory(
        number="CVE-2025-49655",
        allows="unpickles a PyTorch module",
        source="https://nvd.nist.gov/vuln/detail/CVE-2025-49655",
        ranges=(((3, 11, 0), (3, 11, 3)),),
    ),
    Advisory(
        number="CVE-2025-12058",
        allows="reads any file or address as a vocabulary",
        source="https://github.com/keras-team/keras/security/advisories/GHSA-qg93-c7p6-gg7f",
        ranges=(((3, 0, 0), (3, 12, 0)),),
    ),
    Advisory(
        number="CVE-2026-0897",
        allows="exhausts memory by the shape of a weight",
        source=f"{_GITHUB}GHSA-xfhx-r7ww-5995",
        ranges=(((3, 0, 0), (3, 12, 1)), ((3, 13, 0), (3, 13, 2))),
    ),
    Advisory(
        number="CVE-2026-1462",
        allows="runs a SavedModel from outside the archive",
        source=f"{_GITHUB}GHSA-4f3f-g24h-fr8m",
        ranges=(((3, 0, 0), (3, 12, 1)), ((3, 13, 0), (3, 13, 2))),
    ),
    Advisory(
        number="CVE-2026-1669",
        allows="reads other files as weights",
        source="https://nvd.nist.gov/vuln/detail/CVE-2026-1669",
        ranges=(((3, 0, 0), (3, 12, 1)), ((3, 13, 0), (3, 13, 2))),
    ),
    Advisory(
        number="CVE-2026-12481",
        allows="runs the code of a Lambda layer when the model is copied",
        source="https://github.com/keras-team/keras/pull/23048",
        ranges=(((3, 0, 0), (3, 12, 3)), ((3, 13, 0), (3, 15, 0))),
    ),
    Advisory(
        number="CVE-2026-12479",
        allows="reads and writes outside the archive through the names of layers",
        source="https://github.com/keras-team/keras/pull/23017",
        ranges=(((3, 0, 0), (3, 12, 3)), ((3, 13, 0), (3, 15, 0))),
    ),
    Advisory(
        number="the fixes in 3.12.4 and 3.15.1",
        allows="fills the disk with packed assets, and follows links inside the weights file",
        source="https://github.com/keras-team/keras/compare/v3.15.0...v3.15.1",
        ranges=(((3, 0, 0), (3, 12, 4)), ((3, 13, 0), (3, 15, 1))),
    ),
)


def find_advisories(version: str) -> tuple[Advisory, ...]:
    """Return the advisories for a version such as "3.8.0".

    There are none for a text that is not a version.
    """
    numbers = parse_version(version)
    if numbers is None:
        return ()
    return tuple(
        advisory for advisory in ADVISORIES if any(start <= numbers < end for start, end in advisory.ranges)
    )


def version_warning(version: str, subject: str) -> str | None:
    """Return one sentence about the known faults of a version, None if it has none.

    Args:
        version: of Keras.
        subject: the beginning of the sentence, as in "the model was saved with".
    """
    advisories = find_advisories(version)
    if not advisories:
        return None
    worst = advisories[0]
    others = [advisory.number for advisory in advisories[1:] if advisory.number.startswith("CVE-")]
    also = f"; also {', '.join(others)}" if others else ""
    return (
        f"{subject} Keras {version}, in which loading a hostile file {worst.allows} "
        f"({worst.number}{also}): update to {SAFE_VERSIONS}"
    )
