"""Build the site into _docs/: run a copy of every notebook, render the copies, make the result stand on its own.

The renderer is Quarto where there is one, otherwise smalldocs. Everything happens in _build/;
_docs/ is replaced at the end, when nothing can fail any more. `build.py NAME` does so for one page alone."""

import argparse
import html
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import time
from configparser import ConfigParser
from pathlib import Path

import nbformat
import yaml
from notebooks import ROOT, CellFailed, execute_all

BUILD, DOCS = ROOT / "_build", ROOT / "_docs"
NUMBERED = re.compile(r"\b\d\d[a-z]?_(\w+\.ipynb)\b")  # 01_coins.ipynb becomes the page coins.html
FOLDERS = ["foundations", "engine", "families", "sources", "models", "algorithm", "starts", "inference", "estimators", "plots"]
MATHJAX = """<script>
window.MathJax = {
  options: { enableMenu: false },
  // on a phone a formula begins at the left edge: the space that keeps a numbered one centred would push it out of sight
  chtml: { displayAlign: innerWidth < 576 ? "left" : "center" },
  startup: { pageReady: () => MathJax.startup.defaultPageReady().then(() => {
    // an inline formula that is wider than its paragraph gets a box of its own to scroll in
    document.querySelectorAll("main mjx-container:not([display])").forEach((m) => {
      const block = m.closest("p, li, td, h1, h2, h3, h4, figcaption, div");
      if (m.offsetWidth > block.clientWidth) m.classList.add("wide-formula");
    });
  }) },
};
</script>
<script defer src="site_libs/mathjax/tex-chtml-full.js"></script>
"""
PLOTLY = '<script src="site_libs/plotly/plotly.min.js"></script>\n'
# the heads of folding boxes are plain divs: let the keyboard reach and open them
KEYBOARD = """<script>
document.addEventListener("DOMContentLoaded", () => {
  document.querySelectorAll(".callout-header[data-bs-toggle]:not([tabindex])").forEach((head) => {
    head.setAttribute("role", "button");
    head.tabIndex = 0;
    head.addEventListener("keydown", (e) => {
      if (e.target === head && (e.key === "Enter" || e.key === " ")) { e.preventDefault(); head.click(); }
    });
  });
});
</script>
"""


def address():
    "The published site's address, without a slash at the end."
    ini = ConfigParser()
    ini.read(ROOT / "settings.ini", encoding="utf-8")
    return (ini["DEFAULT"]["doc_host"] + ini["DEFAULT"]["doc_baseurl"]).rstrip("/")


def check_tools():
    "Name the renderer, and stop with a clear message where something is missing."
    import emlit
    if Path(emlit.__file__).resolve().parent != ROOT / "emlit":
        sys.exit(f"Python imports emlit from {emlit.__file__}, not from this checkout.\n"
                 "The pages would document another version; remove .venv and run make again.")
    if shutil.which("quarto"):
        return "quarto"
    try:
        importlib.metadata.version("smalldocs")
    except importlib.metadata.PackageNotFoundError:
        sys.exit("The site needs a renderer: put Quarto on the PATH (quarto.org), or use Python 3.11 or newer,\n"
                 "for which smalldocs is installed. Here is neither: Python "
                 f"{sys.version_info.major}.{sys.version_info.minor} and no Quarto.\n"
                 "With another Python: rm -rf .venv, then make site PYTHON=python3.12")
    return "smalldocs"


def frame_html_figures(nb):
    "Put interactive figures into a <figure> with the cell's caption and alternative text, which renderers do for images only."
    for cell in nb.cells:
        framed = [o for o in cell.get("outputs", []) if "plotly-graph-div" in "".join(o.get("data", {}).get("text/html", ""))]
        if not framed:
            continue
        lines = cell.source.splitlines()
        mine = [s for s in lines if re.match(r"#\|\s*fig-(cap|alt):", s)]
        opts = yaml.safe_load("\n".join(s[2:].strip() for s in mine)) or {}
        cell.source = "\n".join(s for s in lines if s not in mine)
        for out in framed:
            caption = f"\n<figcaption>{html.escape(opts['fig-cap'])}</figcaption>" if "fig-cap" in opts else ""
            out.data = {"text/html": '<figure class="plotly-figure">\n'
                        f'<div role="img" aria-label="{html.escape(opts.get("fig-alt", ""))}">\n'
                        + "".join(out.data["text/html"]).strip() + f"\n</div>{caption}\n</figure>"}


def defines(cell, name):
    "Does the cell define this function or class?"
    return re.search(rf"^(def|class) {name}\b", cell.source or "", re.M) is not None


class SourceOnce:
    """nbdev processor: a definition whose source is on the page keeps its heading and source link only.

    nbdev's own rendering of signature and docstring repeats the source, and not always faithfully."""

    def __init__(self, nb):
        self.nb = nb

    def begin(self):
        cells = self.nb.cells
        for i in range(len(cells) - 2):  # nbdev moves a heading above the source before its own, where that has none
            name = re.search(r"show_doc\((\w+)\)", cells[i].source or "") if getattr(cells[i], "has_sd", False) else None
            if name and not defines(cells[i + 1], name[1]) and defines(cells[i + 2], name[1]):
                cells[i], cells[i + 1] = cells[i + 1], cells[i]
        for doc, source in zip(cells, cells[1:]):
            if getattr(doc, "has_sd", False) and "exports" in getattr(source, "directives_", ()):
                for out in doc.outputs:
                    text = "".join(out["data"]["text/markdown"])
                    out["data"] = {"text/markdown": re.match(r".*?^#+ [^\n]*\n", text, re.S | re.M)[0]}


def grouped(config, executed):
    "The sidebar, in which the pages that are inside stand by the folder of the package that they make."
    folder = {}
    for path, nb in executed.items():
        made = re.search(r"^#\| *default_exp (\w+)", "\n".join(c.source for c in nb.cells), re.M)
        folder[path.name] = made[1] if made and made[1] in FOLDERS else "models"  # emlit.mixture is the short path of a model
    inside = re.search(r"^( *)- section: Inside\n *contents:\n((?: *- \w+\.ipynb\n)+)", config, re.M)
    if not inside: return config
    names = re.findall(r"- (\w+\.ipynb)", inside[2])
    names.sort(key=lambda n: n != "inside_contracts.ipynb")
    order = [f for f in FOLDERS if f in map(folder.get, names)]
    sections = (f"{inside[1]}- section: 'Inside: {f}'\n{inside[1]}  contents:\n" +
                "".join(f"{inside[1]}    - {n}\n" for n in names if folder[n] == f) for f in order)
    return config.replace(inside[0], "".join(sections))


def copy_project(executed):
    "A project of its own for the renderer: settings, configuration, executed notebooks named as their pages."
    project = BUILD / "project"
    nbs = project / "nbs"
    nbs.mkdir(parents=True)
    settings = (ROOT / "settings.ini").read_text(encoding="utf-8")
    (project / "settings.ini").write_text(f"{settings.rstrip()}\nprocs = {Path(__file__).stem}:SourceOnce\n", encoding="utf-8")
    config = (ROOT / "_quarto.yml").read_text(encoding="utf-8")
    (project / "_quarto.yml").write_text(NUMBERED.sub(r"\1", grouped(config, executed)), encoding="utf-8")
    for f in (ROOT / "nbs").iterdir():
        if f.is_file() and f.suffix in (".yml", ".css", ".svg", ".png") and f.name != "nbdev.yml":
            shutil.copy(f, nbs)
    for path, nb in executed.items():
        frame_html_figures(nb)
        for cell in nb.cells:
            if cell.cell_type == "markdown":
                cell.source = re.sub(r"(\]\()(\d\d[a-z]?_)(\w+\.ipynb)", r"\1\3", cell.source)
        nbformat.write(nb, nbs / NUMBERED.sub(r"\1", path.name))
    shutil.copy(ROOT / "README.md", project)  # newer than index.ipynb: nbdev_docs need not make one
    return project


def render(project, renderer):
    "Turn the project into HTML and return the folder."
    first = lambda folder, name: os.pathsep.join(filter(None, [str(folder), os.environ.get(name)]))
    env = {**os.environ, "PATH": first(Path(sys.executable).parent, "PATH"), "PYTHONPATH": first(ROOT / "tools", "PYTHONPATH")}
    run = lambda *cmd, **kw: subprocess.run([str(c) for c in cmd], cwd=project, env=env, check=True, **kw)
    if renderer == "quarto":
        run("nbdev_docs", "--path", "nbs")
        return project / "_docs"
    run(sys.executable, "-c",
        "from nbdev.quarto import refresh_quarto_yml; refresh_quarto_yml()\n"
        "from nbdev.serve import proc_nbs; proc_nbs(path='nbs')")
    done = run(sys.executable, "-m", "smalldocs.cli", "render", "_proc", capture_output=True, text=True)
    expected = re.compile(r"html-math-method|output-file|^wrote \d+ page")
    print("".join(s for s in (done.stdout + done.stderr).splitlines(True) if not expected.search(s)), end="")
    return project / "_proc" / "_docs"


def add_libraries(site):
    "MathJax and plotly.js from the Python packages that carry them, and the notebooks to download."
    import mathjax
    import plotly
    es5 = Path(mathjax.__file__).parent / "static" / "mathjax" / "es5"
    libs = site / "site_libs"
    (libs / "mathjax").mkdir(parents=True)
    (libs / "plotly").mkdir()
    shutil.copy(es5 / "tex-chtml-full.js", libs / "mathjax")
    shutil.copytree(es5 / "output" / "chtml" / "fonts" / "woff-v2", libs / "mathjax" / "output" / "chtml" / "fonts" / "woff-v2")
    shutil.copy(Path(plotly.__file__).parent / "package_data" / "plotly.min.js", libs / "plotly")
    (site / "notebooks").mkdir()
    for nb in (ROOT / "nbs").glob("*.ipynb"):
        shutil.copy(nb, site / "notebooks")


def localise_page(text, ids):
    "Let a page use the site's own files only: scripts, styles, links to our own pages and to our notebooks."

    def own(link):  # nbdev links `Mixture.e_step` to an anchor that only a show_doc of its own would make
        page, _, anchor = link[2].partition("#")
        while anchor and anchor not in ids.get(page, ()):
            anchor = anchor.rpartition(".")[0]
        return f'{link[1]}{page or "index.html"}{"#" + anchor if anchor else ""}"'

    # maths and Jupyter's widget loader, which both renderers fetch from elsewhere
    text = re.sub(r'<script\b[^>]*\bsrc="https?://[^>]*>\s*</script>\s*', "", text)
    text = re.sub(r"<script\b[^>]*>\s*define\('jquery'.*?</script>\s*", "", text, flags=re.S)
    text = re.sub(r'<link\b(?=[^>]*\brel="(?:stylesheet|preconnect|preload)")[^>]*\bhref="https?://[^>]*>\s*', "", text)
    text = re.sub(rf'(<a\b[^>]*\bhref="){re.escape(address())}/*([^"]*)"', own, text)
    text = re.sub(r'(<a\b[^>]*\bhref=")https://raw\.githubusercontent\.com/[^"]*/nbs/(\w+\.ipynb")', r"\1notebooks/\2 download", text)
    head = MATHJAX if re.search(r'class="math\b', text) else ""
    head += PLOTLY if "plotly-graph-div" in text else ""
    head += KEYBOARD if "callout-header" in text else ""
    return text.replace("</head>", head + "</head>", 1)


def localise(site):
    "The same for every page and every style sheet."
    texts = {page: page.read_text(encoding="utf-8") for page in site.glob("*.html")}
    ids = {page.name: set(re.findall(r'\bid="([^"]+)"', text)) for page, text in texts.items()}
    for page, text in texts.items():
        page.write_text(localise_page(text, ids), encoding="utf-8")
    remote = re.compile(r"""@import\s*(?:url\(\s*['"]?https?:[^)]*\)|(['"])https?:.*?\1)[^;]*;""")
    for sheet in site.rglob("*.css"):
        sheet.write_text(remote.sub("", sheet.read_text(encoding="utf-8")), encoding="utf-8")


def swap(site):
    "Put the new site in the old one's place."
    old = BUILD / "old"
    if DOCS.exists():
        DOCS.rename(old)
    site.rename(DOCS)
    shutil.rmtree(BUILD)


def put_page(site, name):
    "Put one page into _docs/, with what it loads; the other pages and the search stay as they are."
    DOCS.mkdir(exist_ok=True)
    for part in site.iterdir():
        if part.name == name or not (part.suffix in (".html", ".json", ".xml") or part.name == "notebooks"):
            (shutil.copytree if part.is_dir() else shutil.copy)(part, DOCS / part.name, **({"dirs_exist_ok": True} if part.is_dir() else {}))
    (DOCS / "notebooks").mkdir(exist_ok=True)
    for nb in (site / "notebooks").glob(f"*{Path(name).stem}.ipynb"):
        shutil.copy(nb, DOCS / "notebooks")
    shutil.rmtree(BUILD)


def find(part, paths):
    "The one notebook whose name is, or holds, `part`; exits with the names that there are if it is none or several."
    page = lambda p: NUMBERED.sub(r"\1", p.name).removesuffix(".ipynb")
    same = [p for p in paths if part in (p.name, p.stem, page(p))]
    found = same or [p for p in paths if part.lower() in p.stem.lower()]
    if len(found) == 1: return found[0]
    names = ", ".join(page(p) for p in found or paths)
    sys.exit(f"NAME={part} may mean several pages: {names}." if found else
             f"NAME must be a page's name or a part of it, such as NAME=coins; got {part!r}. The pages: {names}.")


def run(paths, one=None):
    "Execute notebooks, and return them by path: all of them, or one and of the others the title alone."
    try:
        executed = execute_all([one] if one else paths)
    except CellFailed as e:
        sys.exit(f"\nNothing was built: a cell failed{', _docs/ is as it was' if DOCS.exists() else ''}.\n{e}")
    for path in set(paths) - set(executed):
        executed[path] = nbformat.read(path, as_version=4)
        executed[path].cells = executed[path].cells[:3] # title, links, and what it exports
    return executed


def main():
    parser = argparse.ArgumentParser(description="Build the site into _docs/, or one page of it.")
    parser.add_argument("page", nargs="?", help="a page, by a part of its name; all by default")
    part, start, renderer = parser.parse_args().page, time.time(), check_tools()
    one = find(part, sorted((ROOT / "nbs").glob("*.ipynb"))) if part else None
    shutil.rmtree(BUILD, ignore_errors=True)
    BUILD.mkdir()
    copy = BUILD / "run"
    shutil.copytree(ROOT / "nbs", copy)
    executed = run(sorted(copy.glob("*.ipynb")), one and copy / one.name)
    print(f"Rendering with {renderer} …", flush=True)
    try:
        site = render(copy_project(executed), renderer)
    except subprocess.CalledProcessError as e:
        sys.exit(f"{e.stdout or ''}{e.stderr or ''}\nNothing was built: {renderer} failed with status {e.returncode}.")
    add_libraries(site)
    localise(site)
    (site / ".nojekyll").touch()
    name = NUMBERED.sub(r"\1", one.name).replace(".ipynb", ".html") if one else "index.html"
    put_page(site, name) if one else swap(site)
    print(f"The {'page' if one else 'site'} is ready after {time.time() - start:.0f} s: {DOCS / name}")


if __name__ == "__main__":
    main()
