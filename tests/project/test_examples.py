"""docs/examples has an example of every check and cause, or the reason why there is none."""

from __future__ import annotations

import re

from keras_consistency_cli.checks.registry import CHECKS
from keras_consistency_cli.diagnosis.causes.table import CAUSES
from keras_consistency_cli.diagnosis.refusals import REFUSAL_CAUSES
from tests.helpers.example_pages import result_of, sections


def test_every_cause_has_an_example_that_shows_it_or_a_reason_why_not() -> None:
    found = sections()
    without = [
        slug
        for slug in (*CAUSES, *REFUSAL_CAUSES)
        if slug not in result_of(found.get(slug, "")) and "No example: " not in found.get(slug, "")
    ]
    assert without == [], "make examples"


def test_every_check_is_in_an_example_or_has_a_reason_why_not() -> None:
    found = sections()
    for check in CHECKS:
        section = found.get(check.code, "")
        reporting = re.findall(r"\[([a-z0-9-]+)\]\(", section)
        assert reporting or "No example: " in section or check.code in result_of(section), check.code
        assert all(check.code in result_of(found[slug]) for slug in reporting), check.code
