"""The house: imports run from floor to floor downwards, what is private stays at home, and no module is long.

`python tests/test_architecture.py [root]` prints the counts."""

import ast
import re
import sys
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parent.parent
FLOORS = ["foundations", "engine", "families", "sources", "models", "algorithm", "starts", "inference", "plots", "estimators"]
STRUCTURES = {"full", "tied", "diag", "tied_diag", "spherical", "tied_spherical"}


class Module:
    "One file of the package, as text and as a tree."

    def __init__(self, root, path):
        self.parts = path.relative_to(root).with_suffix("").parts
        self.is_package = self.parts[-1] == "__init__"
        self.name = ".".join(self.parts[:-1] if self.is_package else self.parts)
        self.text = path.read_text(encoding="utf-8")
        self.tree = ast.parse(self.text)

    def __repr__(self): return self.name

    @property
    def lines(self): return len(self.text.splitlines())

    @property
    def floor(self): return FLOORS.index(self.parts[1]) if self.parts[1] in FLOORS else None

    def absolute(self, node):
        "The full name of the module that a `from … import` names."
        if not node.level: return node.module
        base = self.parts[:len(self.parts) - node.level]
        return ".".join([*base, *([node.module] if node.module else [])])


def modules(root=ROOT):
    "The modules of the package, by name."
    found = [Module(root, p) for p in sorted((root / "emlit").rglob("*.py")) if p.name != "_modidx.py"]
    return {m.name: m for m in found}


def imports(module, every):
    "What a module imports of the package: (name of the other, what of it, whether within a function)."
    def walk(node, inside):
        if isinstance(node, ast.ImportFrom):
            source = module.absolute(node)
            for alias in node.names:
                if f"{source}.{alias.name}" in every: yield f"{source}.{alias.name}", None, inside
                elif source in every: yield source, alias.name, inside
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name in every: yield alias.name, None, inside
        for child in ast.iter_child_nodes(node):
            yield from walk(child, inside or isinstance(node, (ast.FunctionDef, ast.Lambda)))
    return list(walk(module.tree, False))


def circles(every):
    "Groups of modules that import each other, directly or by way of others."
    graph = {name: {other for other, _, _ in imports(m, every)} - {name} for name, m in every.items()}
    def reached(name):
        todo, seen = [name], set()
        while todo:
            for other in graph[todo.pop()] - seen: seen.add(other); todo.append(other)
        return seen
    reach = {name: reached(name) for name in graph}
    return {frozenset(o for o in reach[n] if n in reach[o]) for n in reach if n in reach[n]}


def upward(every):
    "Imports of a floor above, and lazy ones: (module, other, within a function)."
    for name, m in every.items():
        for other, _, inside in imports(m, every):
            if m.floor is not None and every[other].floor is not None and every[other].floor > m.floor: yield name, other, inside


def crossings(every):
    "Private names that one module takes from another."
    for name, m in every.items():
        short = {}
        for other, what, _ in imports(m, every):
            if what and what.startswith("_") and not what.startswith("__"): yield name, other, what
            if what is None: short[other.split(".")[-1]] = other
        for node in ast.walk(m.tree):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in short and re.match(r"_[a-zA-Z]", node.attr):
                yield name, short[node.value.id], node.attr


def calls(m, name, n_args=None):
    return [node for node in ast.walk(m.tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name
            and (n_args is None or len(node.args) == n_args)]


def words(node):
    "The strings of a constant, or of a tuple, list or set of them."
    if isinstance(node, ast.Constant): return {node.value} if isinstance(node.value, str) else set()
    if isinstance(node, (ast.Tuple, ast.List, ast.Set)): return set().union(*map(words, node.elts))
    return set()


def string_tests(m):
    "Comparisons with the name of a covariance's structure, or a part of it."
    found = []
    for node in ast.walk(m.tree):
        if isinstance(node, ast.Compare) and any(words(n) & STRUCTURES for n in (node.left, *node.comparators)): found.append(node)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ("startswith", "endswith"):
            if any(w.strip("_") in STRUCTURES for a in node.args for w in words(a)): found.append(node)
    return found


def type_tests(m):
    "Comparisons of `type(…)` by `is`, `is not` or `in`."
    is_type = lambda n: isinstance(n, ast.Call) and isinstance(n.func, ast.Name) and n.func.id == "type" and len(n.args) == 1
    return [n for n in ast.walk(m.tree) if isinstance(n, ast.Compare) and any(map(is_type, (n.left, *n.comparators)))]


def parsed_messages(m):
    "Places where code reads the text of an error: `… in str(error)`, `str(error).startswith(…)`, `re.search(…, str(error))`."
    is_str = lambda n: isinstance(n, ast.Call) and isinstance(n.func, ast.Name) and n.func.id == "str" and len(n.args) == 1 \
        and isinstance(n.args[0], (ast.Name, ast.Attribute)) and re.search("err|exc|warn|message|^e$", ast.unparse(n.args[0]))
    found = []
    for node in ast.walk(m.tree):
        if isinstance(node, ast.Compare) and any(map(is_str, node.comparators)): found.append(node)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if is_str(node.func.value) and node.func.attr in ("startswith", "endswith", "replace", "split", "partition", "find", "index"): found.append(node)
            if any(map(is_str, node.args)) and ast.unparse(node.func).startswith("re."): found.append(node)
    return found


def lines_of_code(m):
    "Lines without docstrings, docments (a parameter a line), blank ones and comments."
    lines = {n for n, s in enumerate(m.text.splitlines(), 1) if s.strip() and not s.strip().startswith("#")}
    for node in ast.walk(m.tree):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.Module)) and ast.get_docstring(node, clean=False) is not None:
            lines -= set(range(node.body[0].lineno, node.body[0].end_lineno + 1))
        if isinstance(node, ast.FunctionDef): lines -= set(range(node.lineno + 1, node.body[0].lineno))
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__": lines -= set(range(node.lineno, node.end_lineno + 1))
    return len(lines)


def statements(m):
    "Statements without docstrings and imports: they do not change when a line is broken or a module cut in two."
    skip = lambda n: isinstance(n, (ast.Import, ast.ImportFrom)) or isinstance(n, ast.Expr) and isinstance(n.value, ast.Constant)
    return sum(isinstance(n, ast.stmt) and not skip(n) for n in ast.walk(m.tree))


def shown_at_work(root=ROOT):
    "Of each chapter of the course: exported definitions, and how many of them are used before the next is exported."
    exported = re.compile(r"^#\|\s*exports?\b", re.M)
    for path in sorted((root / "nbs").glob("[0-7]*.ipynb")):
        cells = [c.source for c in nbformat.read(path, as_version=4).cells if c.cell_type == "code"]
        made = [i for i, s in enumerate(cells) if exported.search(s) and re.search(r"^(def|class|@)", s, re.M)]
        yield path.stem, len(made), sum(i + 1 < len(cells) and not exported.search(cells[i + 1]) for i in made)


def counts(root=ROOT):
    "All that is counted."
    every = modules(root)
    n, each = sum(m.lines for m in every.values()), every.values()
    shown = list(shown_at_work(root))
    return {
        "modules": len(every), "lines": n, "lines of code": sum(map(lines_of_code, each)),
        "statements": sum(map(statements, each)),
        "longest module": max((m.lines, m.name) for m in each), "modules over 500 lines": [m for m in each if m.lines > 500],
        "isinstance per 1000 lines": round(1000 * sum(len(calls(m, "isinstance")) for m in each) / n, 1),
        "hasattr": sum(len(calls(m, "hasattr")) for m in each), "getattr with a default": sum(len(calls(m, "getattr", 3)) for m in each),
        "type(…) is": sum(len(type_tests(m)) for m in each), "string tests of structures": sum(len(string_tests(m)) for m in each),
        "private names across modules": len(set(crossings(every))), "parsed messages": sum(len(parsed_messages(m)) for m in each),
        "circles": [sorted(c) for c in circles(every)], "imports upwards": sorted(set(upward(every))),
        "imports within functions": sorted({(name, other) for name, m in every.items() for other, _, inside in imports(m, every) if inside}),
        "exported in Learn, shown at work": f"{sum(s for _, _, s in shown)} of {sum(e for _, e, _ in shown)}, {sum(s for *_, s in shown) / sum(e for _, e, _ in shown):.0%}",
    }


# ---------------------------------------------------------------- the tests

LATE = {  # imports within a function, and why
    ("emlit.estimators.search", "emlit.plots"): "a search without pictures needs no matplotlib",
    ("emlit.engine.kernels", "emlit.engine.compiled"): "numba is an extra",
}


@pytest.fixture(scope="module")
def every(): return modules()


def test_no_module_is_long(every):
    assert not [m for m in every.values() if m.lines > 500]


def test_no_modules_import_each_other(every):
    assert not circles(every)


def test_imports_run_from_floor_to_floor_downwards(every):
    assert {(name, other) for name, other, _ in upward(every)} <= LATE.keys()


def test_imports_stand_at_the_top(every):
    assert {(name, other) for name, m in every.items() for other, _, inside in imports(m, every) if inside} <= LATE.keys()


def test_objects_are_asked_and_not_their_classes(every):
    n, each = sum(m.lines for m in every.values()), every.values()
    assert sum(len(calls(m, "isinstance")) for m in each) < 0.008 * n
    assert sum(len(calls(m, "hasattr")) for m in each) <= 61 and sum(len(calls(m, "getattr", 3)) for m in each) <= 40
    assert sum(len(type_tests(m)) for m in each) <= 18


def test_no_code_reads_the_text_of_an_error(every):
    assert not [f"{m}:{n.lineno}" for m in every.values() for n in parsed_messages(m)], "errors have fields"


def test_a_structure_is_an_object_and_no_word(every):
    assert sum(len(string_tests(m)) for m in every.values()) < 10


def test_no_private_name_crosses_a_border(every):
    assert not set(crossings(every))


@pytest.mark.notebook
def test_a_lesson_shows_at_work_what_it_exports():
    shown = list(shown_at_work())
    assert sum(s for *_, s in shown) > 0.7 * sum(n for _, n, _ in shown)


def test_no_chapter_is_called_by_its_number(every):
    found = [f"{m}: {line.strip()}" for m in every.values() for line in m.text.splitlines()
             if re.search(r"(?i)\bchapters? \d", line) and "Source:" not in line and not re.search(r"\(\d{4}\)", line)]
    assert not found, "the order of the chapters may change: say in words what is meant"


if __name__ == "__main__":
    for what, value in counts(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT).items():
        print(f"{what:36s}{value if not isinstance(value, list) else len(value)}")
        if isinstance(value, list):
            for one in value: print("   ", one)
