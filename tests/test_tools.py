"The scripts behind make."

import ast
import gc

import nbformat
import pytest

import build
import chapters
import notebooks

pytestmark = pytest.mark.notebook


def notebook(tmp_path, *sources):
    nb = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(s) for s in sources])
    path = tmp_path / "01_x.ipynb"
    nbformat.write(nb, path)
    return path


@pytest.mark.filterwarnings("error")
@pytest.mark.slow
def test_running_notebooks_leaves_nothing_open(tmp_path):
    notebooks.execute_all([notebook(tmp_path, "a = 1")])
    gc.collect()  # which would find an event loop or a socket, and warn


@pytest.mark.slow
def test_a_failing_cell_is_named(tmp_path):
    path = notebook(tmp_path, "a = 1", "#| hide\nb = a / 0\nprint(b)")
    before = path.read_bytes()
    with pytest.raises(notebooks.CellFailed) as e:
        notebooks.execute_all([path])
    assert "01_x.ipynb, cell 2, which starts with: b = a / 0" in str(e.value)
    assert "ZeroDivisionError: division by zero" in str(e.value)
    assert path.read_bytes() == before


def test_interactive_figures_get_caption_and_label():
    cell = nbformat.v4.new_code_cell('#| fig-cap: "A < b."\n#| fig-alt: "A \\"curve\\"."\nshow()')
    cell.outputs = [nbformat.v4.new_output("display_data", {"text/html": '<div id="f" class="plotly-graph-div"></div>', "text/plain": "Figure"})]
    build.frame_html_figures(nbformat.v4.new_notebook(cells=[cell]))
    made = cell.outputs[0].data["text/html"]
    assert cell.source == "show()"
    assert '<figcaption>A &lt; b.</figcaption>' in made and 'aria-label="A &quot;curve&quot;."' in made
    assert list(cell.outputs[0].data) == ["text/html"]


def test_what_a_cell_prints_in_pieces_is_one_output():
    stream = lambda name, text: nbformat.v4.new_output("stream", name=name, text=text)
    cell = nbformat.v4.new_code_cell("run()", outputs=[stream("stdout", "a\n"), stream("stdout", "b\n"), stream("stderr", "!"),
                                                      stream("stdout", "c\n"), nbformat.v4.new_output("display_data"), stream("stdout", "d\n")])
    notebooks.join_printed(nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("text"), cell]))
    assert [o.get("text") for o in cell.outputs] == ["a\nb\n", "!", "c\n", None, "d\n"]


@pytest.mark.slow
def test_a_definition_is_shown_once():
    from nbdev.processors import FilterDefaults
    from nbdev.process import NBProcessor
    from execnb.nbio import dict2nb
    source = 'def f(a, *, b=2):\n    "Shown."\n    return a'
    hidden = "#| export\n" + source.replace("f(", "g(")
    cells = [nbformat.v4.new_code_cell(s) for s in ("#| default_exp x", hidden, f"#| exports\n{source}")]
    nb = dict2nb(nbformat.v4.new_notebook(cells=cells))
    NBProcessor(nb=nb, procs=[*FilterDefaults().base_procs(), build.SourceOnce]).process()
    shown = ["".join(o["data"]["text/markdown"]) for c in nb.cells for o in c.get("outputs", [])]
    assert "### g\n" in shown[0] and "def" in shown[0] and "Shown." in shown[0]  # its source is not on the page
    assert "### f\n" in shown[1] and "def" not in shown[1] and "Shown." not in shown[1]
    assert sum(source in c.source for c in nb.cells) == 1


def test_a_heading_stands_above_its_own_source():
    from nbdev.processors import FilterDefaults
    from nbdev.process import NBProcessor
    from execnb.nbio import dict2nb
    sources = "#| default_exp x", "#| exports\ndef _private(): pass", "#| exports\ndef f(): pass", "f()"
    nb = dict2nb(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(s) for s in sources]))
    NBProcessor(nb=nb, procs=[*FilterDefaults().base_procs(), build.SourceOnce]).process()
    order = [next(w for w in ("def _private", "show_doc(f)", "def f") if w in c.source) for c in nb.cells if "def " in c.source or "show_doc" in c.source]
    assert order == ["def _private", "show_doc(f)", "def f"]


def test_pages_load_nothing_from_elsewhere():
    # what Quarto and smalldocs put into the head, and a link that nbdev makes
    page = """<head><link rel="canonical" href="https://emlit.github.io/emlit/a.html">
<link rel="stylesheet" href="https://cdn.jsdelivr.net/npm/katex@0.16.11/dist/katex.min.css">
<script src="https://cdnjs.cloudflare.com/ajax/libs/require.js/2.3.6/require.min.js" integrity="sha512-x"></script>
<script type="application/javascript">define('jquery', [],function() {return window.jQuery;})</script>
<script src="https://cdn.jsdelivr.net/npm/mathjax@3/es5/tex-chtml-full.js" type="text/javascript"></script>
<script src="site_libs/own.js"></script></head><span class="math inline">x</span>
<a href="https://emlit.github.io/emlit/coins.html#posterior">a</a>
<a href="https://emlit.github.io/emlit/mixture.html#mixture.e_step">b</a>
<a href="https://raw.githubusercontent.com/emlit/emlit/main/nbs/01_coins.ipynb">c</a>"""
    made = build.localise_page(page, {"coins.html": {"posterior"}, "mixture.html": {"mixture"}})
    assert "cdn" not in made and "jquery" not in made
    assert 'href="https://emlit.github.io/emlit/a.html"' in made
    assert 'src="site_libs/own.js"' in made and 'src="site_libs/mathjax/' in made and "plotly" not in made
    assert 'href="coins.html#posterior"' in made and 'href="mixture.html#mixture"' in made
    assert 'href="notebooks/01_coins.ipynb" download' in made


def fits_at_import(tree):
    "The lines of a module on which something is fitted when it is imported."
    later = (ast.FunctionDef, ast.Lambda)
    found = [tree.lineno] if isinstance(tree, ast.Call) and getattr(tree.func, "attr", getattr(tree.func, "id", "")) == "fit" else []
    return found + [line for node in ast.iter_child_nodes(tree) if not isinstance(node, later) for line in fits_at_import(node)]


@pytest.mark.parametrize("path", sorted(build.ROOT.glob("tests/*.py")), ids=lambda p: p.stem)
def test_nothing_is_fitted_while_pytest_looks_for_tests(path):
    assert fits_at_import(ast.parse(path.read_text(encoding="utf-8"))) == [], "put it into Later(lambda: …)"


def test_a_page_is_found_by_a_part_of_its_name(tmp_path):
    paths = [tmp_path / name for name in ("01_coins.ipynb", "05_mixture.ipynb", "inside_mixture.ipynb", "index.ipynb")]
    assert build.find("coin", paths) == paths[0] and build.find("01_coins.ipynb", paths) == paths[0]
    assert build.find("mixture", paths) == paths[1], "a whole name is more than a part of another"
    with pytest.raises(SystemExit, match="may mean several pages: mixture, inside_mixture"): build.find("mixt", paths)
    with pytest.raises(SystemExit, match="got 'dice'. The pages: coins, mixture, inside_mixture, index"): build.find("dice", paths)


def course(tmp_path, order, **cells):
    "A course of a few chapters; a cell of code starts with >>>."
    nbs = tmp_path / "nbs"
    nbs.mkdir()
    made = lambda s: nbformat.v4.new_code_cell(s[3:]) if s.startswith(">>>") else nbformat.v4.new_markdown_cell(s)
    for name, sources in cells.items():
        nbformat.write(nbformat.v4.new_notebook(cells=[made(s) for s in sources]), nbs / f"{name}.ipynb")
    (nbs / "chapters.yml").write_text("\n".join(f"- {line}" for line in order), encoding="utf-8")
    (tmp_path / "_quarto.yml").write_text("".join(f"  - {name}.ipynb\n" for name in cells), encoding="utf-8")
    return nbs


def test_chapters_take_their_numbers_with_them(tmp_path):
    nbs = course(tmp_path, ["01 b", "02 a", "03 c"], **{
        "01_a": [r"$$ x \tag{1.1} $$", "[b](02_b.ipynb) and (2.1); not (1.5), and not chapter 2 of Rao (1965)"],
        "02_b": [r"$$ y \tag{2.1} $$", "**Exercise 2.1.** As in chapters 1 and 3.", ">>>f(2.1) # (2.1), of chapter 2"],
        "03_c": ['>>>"by (1.1)"', "(2.1) and [a](01_a.ipynb#exercises)"]})
    chapters.renumber(tmp_path)
    said = {p.stem: [c.source for c in nbformat.read(p, as_version=4).cells] for p in sorted(nbs.glob("*.ipynb"))}
    assert said == {
        "01_b": [r"$$ y \tag{1.1} $$", "**Exercise 1.1.** As in chapters 2 and 3.", "f(2.1) # (1.1), of chapter 1"],
        "02_a": [r"$$ x \tag{2.1} $$", "[b](01_b.ipynb) and (1.1); not (1.5), and not chapter 2 of Rao (1965)"],
        "03_c": ['"by (2.1)"', "(1.1) and [a](02_a.ipynb#exercises)"]}
    assert (tmp_path / "_quarto.yml").read_text() == "  - 01_b.ipynb\n  - 02_a.ipynb\n  - 03_c.ipynb\n"
    assert chapters.renumber(tmp_path) == [], "a second time there is nothing to do"


def test_a_chapter_that_the_table_does_not_name_is_missed(tmp_path):
    course(tmp_path, ["01 a"], **{"01_a": ["text"], "02_b": ["text"]})
    with pytest.raises(SystemExit, match="name different chapters: b"): chapters.renumber(tmp_path)


def test_pages_inside_stand_by_their_folder():
    listed = "  - section: Use\n    contents:\n      - 80_data.ipynb\n  - section: Inside\n    contents:\n      - inside_a.ipynb\n      - inside_b.ipynb\n      - inside_contracts.ipynb\n"
    exports = {"80_data": "data", "inside_a": "plots.a", "inside_b": "foundations.b", "inside_contracts": "foundations.protocols"}
    books = {build.ROOT / f"{name}.ipynb": nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(f"#| default_exp {module}")]) for name, module in exports.items()}
    assert build.grouped(listed + "format: html\n", books).splitlines() == [
        "  - section: Use", "    contents:", "      - 80_data.ipynb",
        "  - section: 'Inside: foundations'", "    contents:", "      - inside_contracts.ipynb", "      - inside_b.ipynb",
        "  - section: 'Inside: plots'", "    contents:", "      - inside_a.ipynb", "format: html"]
