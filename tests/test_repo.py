"The fast checks (make check): everything is exported, clean, up to date, and as CONTRIBUTING.md says."

import ast
import copy
import filecmp
import importlib
import pkgutil
import re
import shutil
import statistics
import subprocess
import sys
import tokenize
from io import StringIO
from pathlib import Path

import nbformat
import pytest
import yaml

import chapters
import emlit
import readme

pytestmark = pytest.mark.notebook
ROOT = Path(__file__).resolve().parent.parent
PATHS = sorted((ROOT / "nbs").glob("*.ipynb"))
BOOKS = {p.name: nbformat.read(p, as_version=4) for p in PATHS}
each_notebook = pytest.mark.parametrize("name", BOOKS)
CHAPTER = re.compile(r"[01]\d[a-z]?_.*")  # 00 to 79 are the course; 80 and later are reference pages


def tracked():
    "The files that git keeps, or would keep; in an unpacked sdist there is no git, and nothing to check."
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    out = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [ROOT / f for f in out.stdout.split("\0") if f and (ROOT / f).is_file()]


def code_cells(name):
    return [(i, c) for i, c in enumerate(BOOKS[name].cells, start=1) if c.cell_type == "code"]


# ---------------------------------------------------------------- generated files

@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    "A copy of the project after nbdev_export and nbdev_clean."
    copy = tmp_path_factory.mktemp("project")
    for f in ("settings.ini", "pyproject.toml", "setup.py"):
        shutil.copy(ROOT / f, copy)
    for d in ("nbs", "emlit"):
        shutil.copytree(ROOT / d, copy / d, ignore=shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints"))
    for command in ("nbdev_export", "nbdev_clean"):
        subprocess.run([Path(sys.executable).parent / command], cwd=copy, check=True)
    return copy


@pytest.mark.parametrize("folder", ["nbs", "emlit"])
def test_export_and_clean_change_nothing(exported, folder):
    files = {p.relative_to(r) for r in (ROOT, exported) for p in (r / folder).rglob("*")
             if p.is_file() and "__pycache__" not in p.parts and ".ipynb_checkpoints" not in p.parts and p.suffix in (".py", ".ipynb")}
    differ = [str(f) for f in sorted(files) if not ((ROOT / f).is_file() and (exported / f).is_file() and filecmp.cmp(ROOT / f, exported / f, shallow=False))]
    assert not differ, f"run make notebooks, or nbdev_export and nbdev_clean: {differ}"


def test_pyproject_is_as_nbdev_keeps_it(exported):
    assert (exported / "pyproject.toml").read_text() == (ROOT / "pyproject.toml").read_text()


def test_readme_is_made_from_index():
    assert readme.stale() == [], "run make notebooks: these are not as nbs/index.ipynb says"


# ---------------------------------------------------------------- the package

def test_import_is_light():
    heavy = "('scipy', 'matplotlib', 'plotly', 'sklearn', 'pandas', 'IPython', 'fastcore', 'nbdev')"
    code = f"import sys, emlit; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT.parent)
    assert done.stdout.strip() == "[]"


def test_no_module_hides_a_public_name():
    names, within = {}, {}  # of each package: what its modules export, and what its modules are called
    for m in pkgutil.walk_packages(emlit.__path__, "emlit."):
        package, _, name = m.name.rpartition(".")
        if name.startswith("_"): continue
        within.setdefault(package, set()).add(name)
        while package:
            names.setdefault(package, set()).update(getattr(importlib.import_module(m.name), "__all__", []))
            package = package.rpartition(".")[0]
    hidden = {p: within[p] & names[p] for p in within if within[p] & names[p]}
    assert not hidden, "a package holds a module and a function of the same name, and only one of them can be reached"


def test_package_is_imported_from_here():
    assert Path(emlit.__file__).resolve().parent == ROOT / "emlit"


# ---------------------------------------------------------------- notebooks

def test_notebooks_are_listed_in_reading_order():
    config = (ROOT / "_quarto.yml").read_text()
    listed = re.findall(r"-\s+(\w+\.ipynb)", config)
    course = [n for n in listed if CHAPTER.match(n)]
    assert listed[0] == "index.ipynb" and course == sorted(course)
    assert sorted(listed) == sorted(BOOKS), "the sidebar in _quarto.yml and nbs/ name different notebooks"
    assert all(re.fullmatch(r"index\.ipynb|(\d\d[a-z]?|inside|use)_[a-z0-9_]+\.ipynb", n) for n in BOOKS)


def test_chapters_have_the_numbers_of_their_table():
    assert chapters.table() == chapters.present(), "run make chapters"
    for name, number in chapters.present().items():
        text = "\n".join(c.source for c in BOOKS[f"{number}_{name}.ipynb"].cells if c.cell_type == "markdown")
        wrong = [t for t in chapters.TAG.findall(text) if t.split(".")[0] != number.lstrip("0").rstrip("abcdefgh")]
        assert not wrong, f"equations {wrong} of {name}"


@each_notebook
def test_title_cell(name):
    cell = BOOKS[name].cells[0]
    lines = [s for s in cell.source.splitlines() if s.strip()]
    assert cell.cell_type == "markdown" and re.match(r"# \S", lines[0]), "the first cell starts with the title"
    assert len(lines) > 1 and re.match(r"> \S", lines[1]), "under the title stands the subtitle, after >"
    assert all(re.match(r"- [\w-]+: ", s) for s in lines[2:]), "nbdev keeps only title, subtitle and key-value lines of this cell"
    assert not any(s.startswith("- description:") for s in lines), "nbdev takes the subtitle for the description; this line would replace it"
    try:
        yaml.safe_load("\n".join(s[2:] for s in lines[2:]))
    except yaml.YAMLError:
        pytest.fail("the key-value lines are not YAML; quote a value that holds a colon")


@each_notebook
def test_second_cell_links_to_this_notebook(name):
    source = BOOKS[name].cells[1].source
    assert f"(https://colab.research.google.com/github/emlit/emlit/blob/main/nbs/{name})" in source
    assert f"(https://raw.githubusercontent.com/emlit/emlit/main/nbs/{name})" in source


@each_notebook
def test_notebook_is_small_and_ran_without_error(name):
    assert (ROOT / "nbs" / name).stat().st_size < 2 * 2**20
    failed = [i for i, c in code_cells(name) for o in c.outputs if o.output_type == "error"]
    assert not failed, f"cells {failed} show an error; notebooks show errors by test_fail or try"


@each_notebook
def test_notebook_does_not_end_in_an_exported_cell(name):
    assert not re.match(r"#\|\s*exports\b", BOOKS[name].cells[-1].source), "nbdev cannot render it"


def lines_of_code(source):
    "Lines of a cell that are code: no options, blank lines, comments or docstrings; and whether the cell holds a class."
    text = "\n".join("" if s.startswith(("#|", "%", "!")) else s for s in source.splitlines())
    try:
        tree = ast.parse(text)
        tokens = list(tokenize.generate_tokens(StringIO(text + "\n").readline))
    except (SyntaxError, tokenize.TokenError):
        return len([s for s in text.splitlines() if s.strip()]), False
    lines = {n for t in tokens if t.type not in (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER)
             for n in range(t.start[0], t.end[0] + 1)}
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.Module)) and ast.get_docstring(node, clean=False) is not None:
            lines -= set(range(node.body[0].lineno, node.body[0].end_lineno + 1))
        if isinstance(node, ast.FunctionDef) and node.body and node.body[0].lineno > node.lineno + 1:
            # docments: a signature with one parameter a line counts as one line
            first = node.body[0].lineno
            lines -= set(range(node.lineno + 1, first))
    return len(lines), any(isinstance(n, ast.ClassDef) for n in tree.body)


@each_notebook
def test_cells_are_short(name):
    counts = [(i, *lines_of_code(c.source)) for i, c in code_cells(name)]
    long = [f"cell {i}: {n} lines" for i, n, is_class in counts if n > (60 if is_class else 25)]
    assert not long, "at most 25 lines of code, 60 for a class"
    if counts:
        assert statistics.median(n for _, n, _ in counts) <= 5, "half of the cells have at most five lines"


@pytest.fixture(scope="module")
def lint(tmp_path_factory):
    "What ruff says of the code in the notebooks, without their options (captions are long): {name: lines}."
    folder = tmp_path_factory.mktemp("lint")
    for name, nb in BOOKS.items():
        nb = copy.deepcopy(nb)
        for cell in nb.cells:
            cell.source = "\n".join(re.sub(r"^#\|.*", "", s) for s in cell.source.split("\n"))
        nbformat.write(nb, folder / name)
    done = subprocess.run([Path(sys.executable).parent / "ruff", "check", "--no-cache", "--config", ROOT / "pyproject.toml", "--output-format", "concise", "."],
                          cwd=folder, capture_output=True, text=True)
    assert done.returncode in (0, 1), done.stderr
    return {name: [s for s in done.stdout.splitlines() if s.startswith(f"{name}:")] for name in BOOKS}


@each_notebook
def test_code_is_tidy(lint, name):
    assert not lint[name], "see [tool.ruff] in pyproject.toml: lines of at most 100 characters, and no import in vain"


@each_notebook
def test_imports_have_cells_of_their_own(name):
    mixed = []
    for i, c in code_cells(name):
        try:
            body = ast.parse("\n".join("" if s.startswith(("%", "!")) else s for s in c.source.splitlines())).body
        except SyntaxError:
            continue
        imports = [isinstance(n, (ast.Import, ast.ImportFrom)) for n in body]
        if any(imports) and not all(imports):
            mixed.append(i)
    assert not mixed, f"cells {mixed} mix imports with other code, which nbdev runs while it renders"


@each_notebook
def test_figures_have_caption_and_alternative_text(name):
    bad = []
    for i, c in code_cells(name):
        shows = any("image/png" in o.get("data", {}) or "image/svg+xml" in o.get("data", {})
                    or "application/vnd.plotly.v1+json" in o.get("data", {})
                    or "plotly-graph-div" in "".join(o.get("data", {}).get("text/html", "")) for o in c.outputs)
        opts = yaml.safe_load("\n".join(s[2:].strip() for s in c.source.splitlines() if re.match(r"#\|\s*fig-(cap|alt):", s))) or {}
        hidden = re.search(r"^#\|\s*(hide\b|include:\s*false)", c.source, re.M)
        if shows and not hidden and not all(str(opts.get(k) or "").strip() and "$" not in str(opts[k]) for k in ("fig-cap", "fig-alt")):
            bad.append(i)
    assert not bad, f"cells {bad} show a figure: give it fig-cap and fig-alt, in plain text"


@each_notebook
def test_text_is_read_alike_by_both_renderers(name):
    problems = []
    depth = 0
    for i, c in enumerate(BOOKS[name].cells, start=1):
        if c.cell_type != "markdown":
            continue
        text = re.sub(r"```.*?```", "", c.source, flags=re.S)
        if re.search(r"@(eq|fig|tbl|sec)-", text):
            problems.append(f"cell {i}: cross-references (@eq-…) work in Quarto only; number with \\tag and write (2.3)")
        if re.search(r"\\begin\{(align|equation|gather)\*?\}", text):
            problems.append(f"cell {i}: use aligned inside $$")
        if text.count("$$") % 2:
            problems.append(f"cell {i}: a $$ is not closed")
        lines = text.splitlines()
        for before, line in zip(lines, lines[1:]):
            if re.match(r"([-*] |\d+\. )\S", line) and before.strip() and not re.match(r"\s*([-*] |\d+\. |\s{2,}|>)", before):
                problems.append(f"cell {i}: no blank line before the list at {line[:40]!r}")
            if re.match(r":::+\s*\{", line) and before.strip():
                problems.append(f"cell {i}: no blank line before {line[:30]!r}")
        depth += len(re.findall(r"^:::+\s*\{", text, re.M)) - len(re.findall(r"^:::+\s*$", text, re.M))
    assert depth == 0, "a ::: box is not closed"
    assert not problems


@each_notebook
def test_tables_stand_by_themselves(name):
    for i, cell in enumerate(BOOKS[name].cells, start=1):
        if cell.cell_type != "markdown": continue
        lines = [""] + cell.source.splitlines()
        stray = [line for before, line in zip(lines, lines[1:]) if line.startswith("| ") and before and not before.startswith("|")]
        assert not stray, f"cell {i}: a row of a table after a line of text: {stray[0]}"


@each_notebook
def test_links_between_notebooks_lead_somewhere(name):
    text = "\n".join(c.source for c in BOOKS[name].cells if c.cell_type == "markdown")
    missing = [t for t in re.findall(r"\]\(([\w./-]+\.ipynb)(?:#[^)]*)?\)", text) if t not in BOOKS]
    assert not missing
    assert not re.findall(r"\]\((?!https?:)[\w./-]+\.html", text), "link to the notebook; the build makes it a page"


# ---------------------------------------------------------------- all files

def test_tracked_files_are_small():
    assert [str(p) for p in tracked() if p.stat().st_size >= 2 * 2**20] == []


def test_contributing_names_what_is_there():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = set(re.findall(r"[`(]((?:[\w.]+/)+[\w.]*\w)[`)]", text))
    assert {"nbs/inside_contracts.ipynb", "algorithm/stopping.py"} <= named
    assert not [f for f in named if not any((ROOT / folder / f).exists() for folder in ("", "emlit")) and not f.startswith("_")]
    folders = set(re.findall(r"^ {6}(\w+)/ ", text, re.M))
    assert folders == {p.parent.name for p in (ROOT / "emlit").glob("*/__init__.py")}, "the folders of the package, as CONTRIBUTING.md lists them"


def test_nothing_names_a_private_place():
    # paths of one machine, and words that a reader of the project has no use for
    words = re.compile("|".join(["/wo" + "rk/", r"\.\./sha" + "red", "/ho" + r"me/\w+/", "/tm" + r"p/\w", r"/ro" + "ot/"]))
    found = []
    for p in tracked():
        try:
            text = p.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        found += [f"{p.relative_to(ROOT)}: {m[0]}" for m in words.finditer(text)]
    assert not found
