"""The rules of `kcheck code` are complete: codes, names, pages and causes."""

from __future__ import annotations

import re

import pytest

from keras_consistency_cli.checks.code.registry import RULES, find_rules
from keras_consistency_cli.checks.code.rule import Rule
from keras_consistency_cli.diagnosis.causes.table import CAUSES


def test_codes_and_names_are_unique_and_in_order() -> None:
    codes, names = [rule.code for rule in RULES], [rule.name for rule in RULES]
    assert codes == sorted(set(codes))
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"KS\d{3}", code) for code in codes)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_every_rule_has_a_page(rule: Rule) -> None:
    places = [rule.page.find(f"\n{heading}: ") for heading in ("Why", "How", "To fix", "Sources")]
    assert places == sorted(places)
    assert places[0] > 0
    assert rule.question.endswith("?")


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_every_cause_of_a_rule_exists(rule: Rule) -> None:
    assert set(rule.causes) <= set(CAUSES)


def test_rules_are_found_by_code_beginning_and_name() -> None:
    assert [rule.code for rule in find_rules("ks101")] == ["KS101"]
    assert len(find_rules("KS1")) > 1
    assert [rule.code for rule in find_rules("refit-when-serving")] == ["KS101"]
    assert find_rules("nothing") == find_rules("") == ()
