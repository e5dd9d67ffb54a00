"""Rules of the package: complete checks and causes, short functions, and directions of imports.

Modules of the parent process must not import a backend.
"""

from __future__ import annotations

import ast
import io
import re
import string
import subprocess
import sys
import tokenize
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import yaml

from keras_consistency_cli.checks.base import Check
from keras_consistency_cli.checks.registry import CHECKS
from keras_consistency_cli.config.settings import Settings
from keras_consistency_cli.diagnosis.base import Cause
from keras_consistency_cli.diagnosis.causes.table import CAUSES
from keras_consistency_cli.routes.registry import LOCATING_ROUTES, routes

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "keras_consistency_cli"
FILES = sorted(PACKAGE.rglob("*.py"))
CODES = {check.code for check in CHECKS}

INFORMATION_ONLY = {
    "KC205": "predictions are right although gradients stop: it never fails",
    "KC206": "it measures a cost, which is not a fault: it never fails",
    "KC403": "it warns of a possible mistake; the files do not show whether the mistake is made",
    "KC601": "test machines have no accelerator; the unit test plants the differences",
    "KC603": "it shows what lower precision would change; it warns if it is in use and never fails",
    "KC604": "an ill-conditioned model gives the same outputs every way: it warns and never fails",
    "KC703": "rows or statistics may be the reason, which other checks decide: it warns and never fails",
}

_HEAVY = ("keras", "tensorflow", "sklearn", "joblib", "skops", "scipy")
_CHILD_SIDE = (
    "keras_consistency_cli.workers.child",
    "keras_consistency_cli.loading",
    "keras_consistency_cli.routes",
)
"""Packages whose modules may import a backend; the parent imports only those that do so inside functions."""
_IMPORT_ALL = """
import importlib, sys
for name in sys.argv[2:]:
    importlib.import_module(name)
    heavy = sorted({module.partition(".")[0] for module in sys.modules} & set(sys.argv[1].split(",")))
    if heavy:
        sys.exit(f"importing {name} imports {', '.join(heavy)}")
"""

_Function = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _functions() -> Iterator[tuple[Path, _Function]]:
    for path in FILES:
        yield from ((path, node) for node in ast.walk(_tree(path)) if isinstance(node, _Function))


def _length(function: _Function) -> int:
    return (function.end_lineno or function.lineno) - function.lineno + 1


def _code_lines(path: Path) -> int:
    """Return the number of lines that are not blank, comments or docstrings."""
    ignored_tokens = (
        tokenize.COMMENT,
        tokenize.NL,
        tokenize.NEWLINE,
        tokenize.INDENT,
        tokenize.DEDENT,
        tokenize.ENDMARKER,
    )
    documented = (
        node
        for node in ast.walk(_tree(path))
        if isinstance(node, ast.Module | ast.ClassDef | _Function) and ast.get_docstring(node) is not None
    )
    docstring_lines = {
        line for node in documented for line in range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1)
    }
    code = {
        line
        for token in tokenize.generate_tokens(io.StringIO(path.read_text(encoding="utf-8")).readline)
        if token.type not in ignored_tokens
        for line in range(token.start[0], token.end[0] + 1)
    }
    return len(code - docstring_lines)


def _public(body: list[ast.stmt], owner: str = "") -> Iterator[tuple[str, ast.ClassDef | _Function]]:
    for node in body:
        if isinstance(node, ast.ClassDef | _Function) and not node.name.startswith("_"):
            yield f"{owner}{node.name}", node
            if isinstance(node, ast.ClassDef):
                yield from _public(node.body, f"{owner}{node.name}.")


# --- checks


def test_check_codes_and_names_are_unique_and_in_order() -> None:
    codes, names = [check.code for check in CHECKS], [check.name for check in CHECKS]
    assert codes == sorted(set(codes))
    assert len(set(names)) == len(names)


def test_every_file_of_a_check_is_registered_and_named_after_it() -> None:
    stems = {path.stem for path in (PACKAGE / "checks" / "rules").glob("kc*.py")}
    assert stems == {f"{check.code}_{check.name}".lower().replace("-", "_") for check in CHECKS}


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.code)
def test_check_is_documented(check: Check) -> None:
    stem = f"{check.code}_{check.name}".lower().replace("-", "_")
    assert check.explanation == ast.get_docstring(
        _tree(PACKAGE / "checks" / "rules" / f"{stem}.py"), clean=False
    )
    headings = [
        re.search(pattern, check.explanation, re.MULTILINE)
        for pattern in (r"^Why: \S", r"^How: \S", r"^To fix\b[^:\n]*: ?\S")
    ]
    assert None not in headings, "the docstring needs paragraphs that begin with Why:, How: and To fix:"
    assert [heading.start() for heading in headings if heading] == sorted(
        heading.start() for heading in headings if heading
    )
    assert check.title
    assert check.title == check.title.strip(" .")


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.code)
def test_check_has_a_test_file(check: Check) -> None:
    stem = f"{check.code}_{check.name}".lower().replace("-", "_")
    tests = ROOT / "tests" / "checks" / "rules" / f"test_{stem}.py"
    assert tests.is_file()
    assert any(
        isinstance(node, _Function) and node.name.startswith("test_") for node in ast.walk(_tree(tests))
    )


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.code)
def test_check_needs_only_routes_that_exist(check: Check) -> None:
    settings = Settings.model_validate(
        {
            "model": "m.keras",
            "exports": ["m.onnx"],
            "endpoints": ["http://localhost/score"],
            "backends": ["jax"],
        }
    )
    table = routes(
        exports=settings.export_labels(),
        endpoints=settings.endpoint_labels(),
        backends=settings.other_backends(),
    )
    known = {name for route in table for name in (route.name, f"{route.name}-baseline")}
    configured = check.configured(settings)
    pairs = (name for pair in configured.pairs for name in (pair.candidate, pair.reference))
    needed = {*configured.routes, *pairs}
    assert needed, "a check without routes cannot measure anything"
    assert needed <= known


def test_every_check_fails_for_some_planted_fault() -> None:
    from tests.corpus import backends
    from tests.corpus.catalogue import ALL_CASES
    from tests.helpers.planted_services import EXPECTED

    expected = [
        yaml.safe_load(path.read_text(encoding="utf-8"))["failing"]
        for path in (ROOT / "sample_models").glob("*/expected.yaml")
    ]
    corpus = [case.failing for case in (*ALL_CASES, *backends.CASES)]
    planted = {code for codes in (*expected, *corpus) for code in codes}
    planted |= {
        code for codes in EXPECTED.values() for code, (status, _) in codes.items() if status == "fail"
    }
    assert planted <= CODES, "a fault expects a check that does not exist"
    assert CODES - planted == set(INFORMATION_ONLY), "plant a fault for it, or state why there is none"


# --- causes


def test_causes_are_keyed_by_their_slug() -> None:
    assert {slug: cause.slug for slug, cause in CAUSES.items()} == {slug: slug for slug in CAUSES}
    assert all(re.fullmatch(r"[a-z]+(-[a-z0-9]+)*", slug) for slug in CAUSES)


@pytest.mark.parametrize("cause", CAUSES.values(), ids=lambda cause: cause.slug)
def test_cause_is_complete(cause: Cause) -> None:
    assert all(text.strip() for text in (cause.sentence, cause.explanation, cause.advice))
    assert len(cause.explanation) > 60, "kcheck explain prints it: state how the fault arises"
    assert cause.explanation.rstrip().endswith((".", "!"))
    assert cause.key
    assert set(cause.key) <= set(cause.explains) <= CODES
    assert len(set(cause.explains)) == len(cause.explains)
    assert cause.locator is None or cause.locator in {route.name for route in LOCATING_ROUTES}


@pytest.mark.parametrize("cause", CAUSES.values(), ids=lambda cause: cause.slug)
def test_cause_has_no_placeholder_but_layer(cause: Cause) -> None:
    fields = {
        field for text in (cause.sentence, cause.advice) for _, field, _, _ in string.Formatter().parse(text)
    }
    assert fields <= {None, "layer"}


def test_every_locator_belongs_to_a_cause() -> None:
    assert {route.name for route in LOCATING_ROUTES} == {
        cause.locator for cause in CAUSES.values() if cause.locator
    }


# --- source


def test_functions_are_short() -> None:
    lengths = [_length(function) for _, function in _functions()]
    long = [
        f"{_name(path)}: {function.name} has {_length(function)} lines"
        for path, function in _functions()
        if _length(function) > 60
    ]
    assert long == []
    assert np.percentile(lengths, 95) <= 35


def test_files_are_short() -> None:
    long = [path for path in FILES if len(path.read_text(encoding="utf-8").splitlines()) > 250]
    assert {_name(path): lines for path in long if (lines := _code_lines(path)) > 250} == {}


def test_code_lines_exclude_comments_and_docstrings(tmp_path: Path) -> None:
    path = tmp_path / "sample.py"
    path.write_text(
        '"""Doc.\n\nMore.\n"""\n\n# why\nx = """a\n\nb"""  # text over three lines is code\n\n\n'
        'def f() -> None:\n    """Doc."""\n    return None\n'
    )
    assert _code_lines(path) == 5


def test_functions_are_annotated() -> None:
    incomplete = []
    for path, function in _functions():
        parameters = function.args
        arguments = [
            *parameters.posonlyargs,
            *parameters.args,
            *parameters.kwonlyargs,
            *filter(None, (parameters.vararg, parameters.kwarg)),
        ]
        unannotated = [
            argument.arg
            for argument in arguments
            if argument.annotation is None and argument.arg not in ("self", "cls")
        ]
        if unannotated or function.returns is None:
            incomplete.append(f"{_name(path)}:{function.lineno} {function.name}({', '.join(unannotated)})")
    assert incomplete == []


def test_public_names_are_documented() -> None:
    docstrings = {
        f"{_name(path)}: {name}": ast.get_docstring(node)
        for path in FILES
        for name, node in _public(_tree(path).body)
        if not _is_dunder(name)
    }
    undocumented = [name for name, docstring in docstrings.items() if not docstring]
    assert len(undocumented) <= 0.03 * len(docstrings), undocumented
    assert [
        _name(path) for path in FILES if not ast.get_docstring(_tree(path)) and path.read_text().strip()
    ] == []


def _is_dunder(name: str) -> bool:
    return name.rpartition(".")[2].startswith("__")


def test_no_comment_marks_unfinished_work() -> None:
    marks = re.compile("TO" + "DO|FIX" + "ME")
    unfinished = [
        f"{_name(path)}:{number}"
        for path in FILES
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if marks.search(line)
    ]
    assert unfinished == []


def test_no_file_or_class_has_a_vague_name() -> None:
    vague = {"util", "utils", "core", "helper", "helpers", "common", "misc", "manager"}
    assert [_name(path) for path in FILES if path.stem in vague or path.stem.endswith("_manager")] == []
    assert [
        f"{_name(path)}: {node.name}"
        for path in FILES
        for node in ast.walk(_tree(path))
        if isinstance(node, ast.ClassDef) and node.name.endswith("Manager")
    ] == []


# --- folders


def test_the_package_has_few_folders() -> None:
    entries = [
        path for path in PACKAGE.iterdir() if path.suffix == ".py" or (path.is_dir() and path.name[0] != "_")
    ]
    assert len(entries) <= 16
    members = Counter(path.parent.relative_to(PACKAGE) for path in FILES if path.name != "__init__.py")
    assert {str(folder): count for folder, count in members.items() if count > 14} == {
        "checks/rules": len(CHECKS)
    }


def test_packages_have_empty_init_files() -> None:
    """With a re-export, importing one module of a folder would import all of them."""
    assert [_name(path) for path in PACKAGE.rglob("*/__init__.py") if path.read_text().strip()] == []


def test_modules_that_import_keras_are_in_two_folders() -> None:
    folders = {"/".join(path.relative_to(PACKAGE).parts[:2]) for path in FILES if _imports_keras(_tree(path))}
    assert folders == {"loading/model", "routes/session"}


def _imports_keras(tree: ast.Module) -> bool:
    imported = [alias.name for node in tree.body if isinstance(node, ast.Import) for alias in node.names]
    imported += [node.module or "" for node in tree.body if isinstance(node, ast.ImportFrom)]
    return any(name.partition(".")[0] in ("keras", "tensorflow") for name in imported)


def test_every_test_file_is_in_the_folder_of_its_subject() -> None:
    folders = {str(path.parent.relative_to(PACKAGE)) for path in FILES}
    of_the_project = {"advice", "benchmarks", "code_corpus", "corpus", "fuzz", "hostile"}
    of_the_project |= {"project", "sample_models", "scripts", "servers"}
    tests = {path.parent.relative_to(ROOT / "tests") for path in (ROOT / "tests").rglob("test_*.py")}
    assert {str(folder) for folder in tests} - folders <= of_the_project


def test_test_helpers_are_in_separate_folders() -> None:
    """Modules without tests are in tests/helpers, advice and servers, the corpora and the hostile inputs."""
    places = {path.parent for path in (ROOT / "tests").rglob("*.py") if not _is_test(path)}
    allowed = {"advice", "helpers", "servers", "corpus", "hostile/inputs"}
    allowed |= {"code_corpus/guilty", "code_corpus/innocent"}
    assert {str(place.relative_to(ROOT / "tests")) for place in places} == allowed


def _is_test(path: Path) -> bool:
    return path.name.startswith("test_") or path.name == "conftest.py"


# --- types


def test_every_route_has_a_typed_session() -> None:
    untyped = [
        f"{_name(path)}:{function.lineno} {function.name}"
        for path, function in _functions()
        for argument in function.args.args
        if argument.arg == "session" and ast.unparse(argument.annotation or ast.Constant(None)) == "Any"
    ]
    assert untyped == []


# --- imports


def test_imports_have_no_cycle_even_for_types() -> None:
    """Kahn's algorithm: a module is removed after all modules that it imports are removed."""
    imports = {_module(path): _imported(_tree(path)) for path in FILES}
    remaining = {module: names & set(imports) - {module} for module, names in imports.items()}
    while free := {module for module, names in remaining.items() if not names}:
        remaining = {module: names - free for module, names in remaining.items() if module not in free}
    assert sorted(remaining) == []


def _module(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def _imported(tree: ast.Module) -> set[str]:
    names = set()
    for node in _module_level(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def _module_level(tree: ast.Module) -> Iterator[ast.stmt]:
    """Yield the statements that run at import, with those under `if TYPE_CHECKING`."""
    for node in tree.body:
        yield from node.body if isinstance(node, ast.If) else (node,)


def _parent_side() -> list[str]:
    names = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in FILES
    ]
    return [name for name in names if not name.startswith(_CHILD_SIDE) and not name.endswith(".__main__")]


def test_parent_side_modules_do_not_import_a_backend() -> None:
    """All modules are imported in one process; the error names the first one that imports a backend."""
    names = _parent_side()
    assert {
        "keras_consistency_cli.cli.main",
        "keras_consistency_cli.pipeline.run",
        "keras_consistency_cli.checks.registry",
    } <= set(names)
    completed = subprocess.run(
        [sys.executable, "-c", _IMPORT_ALL, ",".join(_HEAVY), *names],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert completed.returncode == 0, completed.stderr


def test_the_probe_for_heavy_imports_works() -> None:
    completed = subprocess.run(
        [sys.executable, "-c", _IMPORT_ALL, "json", "json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (completed.returncode, completed.stderr) == (1, "importing json imports json\n")


def test_imports_keep_their_contracts() -> None:
    command = [
        sys.executable,
        "-c",
        "from importlinter.cli import lint_imports_command as run; run()",
        "--no-cache",
    ]
    completed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert completed.returncode == 0, completed.stdout + completed.stderr
    assert re.search(r"Contracts: [1-9]\d* kept, 0 broken", completed.stdout), completed.stdout
