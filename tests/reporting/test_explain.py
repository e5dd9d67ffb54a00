"""A page for every check and cause, with Why, How, To fix, Sources and valid links."""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType

import pytest
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.checks.code.registry import RULES
from keras_consistency_cli.checks.registry import CHECKS
from keras_consistency_cli.cli.main import main
from keras_consistency_cli.diagnosis.causes.table import CAUSES
from keras_consistency_cli.diagnosis.refusals import REFUSAL_CAUSES
from keras_consistency_cli.reporting.explain import HEADINGS, Page, all_pages, cause_page, check_page
from tests.helpers.script_modules import script as script_module

ROOT = Path(__file__).resolve().parents[2]
PAGES = all_pages()


@pytest.fixture(scope="module")
def script() -> ModuleType:
    return script_module("pages")


def test_every_check_cause_and_rule_has_a_page() -> None:
    assert [(page.folder, page.name) for page in PAGES] == [
        *(("checks", each.code) for each in CHECKS),
        *(("causes", slug) for slug in (*CAUSES, *REFUSAL_CAUSES)),
        *(("code", rule.code) for rule in RULES),
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_says_why_how_what_to_do_and_where_from(page: Page) -> None:
    headings = [
        next((title for title in HEADINGS if heading.startswith(title)), heading)
        for heading in page.sections
        if heading
    ]
    assert list(dict.fromkeys(headings)) == list(HEADINGS)
    assert all(len(body.split()) >= 2 for heading, body in page.sections.items() if heading != "Sources")
    assert re.search(r"\w+#\d+|https://|chapter|\(\d{4}\)", page.sections["Sources"])
    assert "{" not in page.title


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_explain_prints_it(
    page: Page, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert main(["explain", page.name]) == 0
    output = capsys.readouterr().out
    assert page.text() in output
    assert page.title in " ".join(output.split())
    assert all(f"\n\n{heading}" in output for heading in HEADINGS)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_fits_a_narrow_terminal_but_for_code_and_addresses(page: Page) -> None:
    for width in (40, 80):
        wide = [
            line
            for line in page.text(width).splitlines()
            if len(line) > width and not line.startswith("    ") and " " in line.strip()
        ]
        assert wide == []
    assert page.text(40).split() == page.text().split()


def test_explain_follows_the_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    widths = {}
    for columns in ("60", "300"):
        monkeypatch.setenv("COLUMNS", columns)
        assert main(["explain", "batch-statistics-in-inference"]) == 0
        widths[columns] = max(
            len(line) for line in capsys.readouterr().out.splitlines() if not line.startswith(" ")
        )
    assert widths["60"] <= 60
    assert 80 < widths["300"] <= 100


def test_a_cause_that_goes_by_the_name_of_a_check_comes_after_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert main(["explain", "distribution-shift"]) == 0
    check, cause = (
        next(page for page in PAGES if page.name == name) for name in ("KC702", "distribution-shift")
    )
    assert capsys.readouterr().out == f"{check.text()}\n\n{cause.text()}"


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.code)
def test_nothing_of_a_checks_explanation_is_lost(check: object) -> None:
    page = check_page(check)  # type: ignore[arg-type]
    assert page.text().split() == f"{page.title} {check.explanation}".split()  # type: ignore[attr-defined]


@pytest.mark.parametrize("slug", CAUSES)
def test_a_causes_advice_is_for_no_layer_in_particular_and_code_is_kept_line_by_line(slug: str) -> None:
    text = cause_page(CAUSES[slug]).sections["To fix"]
    assert "{layer}" not in text
    assert "{{" not in text
    code = [line for line in CAUSES[slug].advice.splitlines() if line.startswith("    ")]
    assert [
        line.replace("'{layer}'", "the layer at fault").replace("{{", "{").replace("}}", "}") for line in code
    ] == [line for line in text.splitlines() if line.startswith("    ")]


def test_the_script_writes_every_page_and_links_lead_to_pages(
    script: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert script.main([str(tmp_path)]) == 0
    files = sorted(tmp_path.rglob("*.md"))
    assert len(files) == len(PAGES) + 3
    assert capsys.readouterr().out == f"{len(files)} pages in {tmp_path}\n"
    linked = set()
    for path in files:
        text = path.read_text(encoding="utf-8")
        for target in re.findall(r"\]\((?!https?:)([^)]+)\)", text):
            assert (path.parent / target).is_file(), f"{path.name} links to {target}"
            linked.add((path.parent / target).resolve())
        assert text.count("```") % 2 == 0
    assert {path for path in files if path.name != "index.md"} == linked


def test_issues_and_addresses_are_links_but_not_in_code(script: ModuleType) -> None:
    files = script.written(PAGES, {})
    assert "[keras#270](https://github.com/keras-team/keras/issues/270)" in files["checks/KC103.md"]
    assert "<https://keras.io/guides/serialization_and_saving/>" in files["checks/KC801.md"]
    code = [block for text in files.values() for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL)]
    assert code
    assert not [block for block in code if "](http" in block or "<http" in block]


def test_only_pages_that_were_made_are_removed(script: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "checks").mkdir()
    made, own = tmp_path / "checks" / "KC000.md", tmp_path / "checks" / "notes.md"
    made.write_text("<!-- made by scripts/pages.py -->\n# gone\n", encoding="utf-8")
    own.write_text("# mine\n", encoding="utf-8")
    script.write(tmp_path)
    assert (made.exists(), own.read_text(encoding="utf-8")) == (False, "# mine\n")


@pytest.mark.parametrize("slug", ["cross-sample-dependence", "scaler-refit"])
def test_the_page_of_a_cause(slug: str, wording: SnapshotAssertion) -> None:
    page = cause_page(CAUSES[slug])
    assert page.sections["How"] == wording
    assert page.title == wording
