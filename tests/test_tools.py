"The scripts behind make."

import nbformat
import pytest

import build
import notebooks


def notebook(tmp_path, *sources):
    nb = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(s) for s in sources])
    path = tmp_path / "01_x.ipynb"
    nbformat.write(nb, path)
    return path


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
