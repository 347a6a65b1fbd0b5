"""The built site in a real browser, served from localhost, with every other host cut off.

make test builds the site first. Without a browser these tests are skipped, but never under CI."""

import os
import re
import shutil
import threading
from functools import partial
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

import nbformat
import pytest

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "_docs"
NOTEBOOKS = {re.sub(r"^\d\d[a-z]?_", "", p.stem) + ".html": p for p in sorted((ROOT / "nbs").glob("*.ipynb"))}
PAGES = list(NOTEBOOKS)
CHROMIUM = os.environ.get("CHROMIUM") or next(
    filter(None, map(shutil.which, ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"])), None)
ARGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
        "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
        "--enable-unsafe-swiftshader"]  # 3-D figures need WebGL, which machines without a graphics card draw in software

pytestmark = [pytest.mark.browser,
              pytest.mark.skipif(CHROMIUM is None and not os.environ.get("CI"), reason="no Chromium or Chrome on the PATH")]
each_page = pytest.mark.parametrize("name", PAGES)
INSIDE = [name for name in PAGES if name.startswith("inside_")]
each_lesson = pytest.mark.parametrize("name", [name for name in PAGES if name not in INSIDE])  # those inside have all checks in one visit


# ---------------------------------------------------------------- the site as files

class Links(HTMLParser):
    "The ids of a page, and the addresses it links to or loads."

    def __init__(self, text):
        super().__init__()
        self.ids, self.refs, self.images, self.icons = set(), [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.ids |= {attrs[k] for k in ("id", "name") if attrs.get(k) and (k == "id" or tag == "a")}
        key = {"a": "href", "link": "href", "img": "src", "script": "src", "iframe": "src"}.get(tag)
        if key and attrs.get(key) is not None and attrs.get("rel") not in ("canonical", "next", "prev"):
            self.refs.append((tag, attrs[key]))
        if tag == "img":
            self.images.append(attrs)
        if tag == "link" and "icon" in (attrs.get("rel") or "").split():
            self.icons.append(attrs["href"])


@pytest.fixture(scope="module")
def site():
    assert (DOCS / "index.html").is_file(), "there is no site in _docs/: run make site first"
    return {p.name: Links(p.read_text(encoding="utf-8")) for p in DOCS.glob("*.html")}


@each_page
def test_no_page_shows_a_warning_by_accident(name):
    "A warning that a reader should see is caught and printed; others name a file that was made for the kernel."
    assert "ipykernel_" not in (DOCS / name).read_text(encoding="utf-8")


def test_every_notebook_has_its_page(site):
    assert not set(PAGES) - set(site)


@each_page
def test_links_and_anchors_resolve(site, name):
    broken = []
    for tag, ref in site[name].refs:
        url = urlsplit(urljoin(f"http://site/{name}", ref))
        if url.netloc != "site" or url.scheme not in ("http", "https"):
            if tag != "a" and url.scheme in ("http", "https"):
                broken.append(f"{ref} is loaded from another host")
            continue
        path = unquote(url.path).lstrip("/") or "index.html"
        anchor = unquote(url.fragment)
        if not (DOCS / path).is_file():
            broken.append(ref)
        elif anchor and path in site and anchor not in site[path].ids | {"top"}:
            broken.append(ref)
    assert not broken


def test_every_page_names_its_icon(site):  # or browsers ask for a file that is not there
    assert {name for name in PAGES if not site[name].icons} == set()


@each_page
def test_images_have_alternative_text(site, name):
    assert [i.get("src", "")[:60] for i in site[name].images if not (i.get("alt") or "").strip()] == []


# ---------------------------------------------------------------- the site in a browser

@pytest.fixture(scope="module")
def address():
    class Quiet(SimpleHTTPRequestHandler):
        log_message = lambda *_: None
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(DOCS)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()


@pytest.fixture(scope="module")
def browser():
    assert CHROMIUM, "CI needs a browser: install chromium"
    from playwright.sync_api import sync_playwright
    with sync_playwright() as p:
        with_browser = p.chromium.launch(executable_path=CHROMIUM, args=ARGS)
        yield with_browser
        with_browser.close()


class Visit:
    "One page in a window of its own, and whatever went wrong on it."

    def __init__(self, browser, address, width=1280):
        self.address, self.problems = address, []
        self.context = browser.new_context(viewport={"width": width, "height": 900})
        self.page = self.context.new_page()
        self.page.route("**/*", self.only_ours)
        self.page.on("console", lambda m: self.note("console", m.text) if m.type == "error" else None)
        # plotly.js rejects a promise with undefined whenever one step of a slider interrupts another
        self.page.on("pageerror", lambda e: self.note("error", e) if str(e) != "undefined" else None)
        self.page.on("requestfailed", lambda r: self.note("failed", r.url))
        self.page.on("response", lambda r: self.note(r.status, r.url) if r.status >= 400 else None)

    def note(self, kind, what):
        self.problems.append(f"{kind}: {what}")

    def only_ours(self, route):
        if route.request.url.startswith((self.address, "data:", "blob:")):
            route.continue_()
        else:
            self.note("another host", route.request.url)
            route.abort()

    def open(self, name):
        if self.page.url == self.address + name:
            return self.page
        self.page.goto(self.address + name, wait_until="load")
        self.page.evaluate("async () => { if (window.MathJax?.startup?.promise) await MathJax.startup.promise; await document.fonts.ready; }")
        if self.page.locator(".plotly-graph-div").count():
            self.page.wait_for_function(
                "() => [...document.querySelectorAll('.plotly-graph-div')].every(d => d.querySelector('.main-svg'))", timeout=20_000)
            self.page.wait_for_timeout(300)
        return self.page


@pytest.fixture
def visit(browser, address, request):
    v = Visit(browser, address, getattr(request, "param", 1280))
    yield v
    v.context.close()


VISIBLE_TEXT = """() => {
  const copy = document.body.cloneNode(true);
  copy.querySelectorAll('pre, code, script, style, svg, mjx-assistive-mml, .plotly-graph-div').forEach(e => e.remove());
  return copy.textContent;
}"""
RAW = re.compile(r"\$\$?[^\s$][^$\n]*\$|\$\$|\\(?:tag|frac|sum|log|begin|theta|mathcal|text)\b|\\[\[\](]|@(?:eq|fig|sec|tbl)-|:::|\{\.callout|\]\([\w./#]+\)")


@each_lesson
def test_page_loads_and_maths_is_typeset(visit, name):
    page = visit.open(name)
    assert visit.problems == []
    cells = nbformat.read(NOTEBOOKS[name], as_version=4).cells
    if any(re.search(r"\$[^\s$]", c.source) for c in cells if c.cell_type == "markdown"):
        assert page.locator("mjx-container, math").count(), "the notebook has formulas, the page shows none"
    assert page.locator("mjx-merror, [data-mjx-error], mtext[mathcolor='red']").count() == 0, "MathJax could not read a formula"
    found = RAW.search(page.evaluate(VISIBLE_TEXT))
    assert found is None, f"raw markup in the text: {found[0]!r}"


@each_lesson
def test_headings_skip_no_level(visit, name):
    page = visit.open(name)
    levels = page.evaluate("() => [...document.querySelectorAll('main :is(h1,h2,h3,h4,h5,h6)')]"
                           ".filter(h => !h.closest('.callout, nav')).map(h => [+h.tagName[1], h.textContent.trim()])")
    assert [lv for lv, _ in levels].count(1) == 1, "a page has one first-level heading, its title"
    skips = [f"h{a} to h{b}: {text}" for (a, _), (b, text) in zip(levels, levels[1:]) if b > a + 1]
    assert not skips


PICTURE = """gd => JSON.stringify([gd.data, gd.layout.shapes, gd.layout.annotations, gd.layout.title],
  (k, v) => k === 'uid' || k.startsWith('_') ? undefined : ArrayBuffer.isView(v) ? Array.from(v) : v)"""


@each_lesson
def test_plotly_figures_draw_and_move(visit, name):
    page = visit.open(name)
    figures = page.locator(".plotly-graph-div")
    for i in range(figures.count()):
        gd = figures.nth(i)
        gd.scroll_into_view_if_needed()
        box = gd.locator(".main-svg").first.bounding_box()
        assert box and box["width"] > 100 and box["height"] > 100, f"figure {i + 1} did not draw"
        assert gd.evaluate("g => !!g.closest('[aria-label]')?.getAttribute('aria-label').trim()"), f"figure {i + 1} has no aria-label"
        assert gd.evaluate("g => !!g.closest('figure')?.querySelector('figcaption')?.textContent.trim()"), f"figure {i + 1} has no caption"
        for s in range(gd.evaluate("g => (g.layout.sliders || []).length")):
            before = gd.evaluate(PICTURE)
            rail = gd.locator(".slider-group").nth(s).locator(".slider-rail-touch-rect")
            rail.scroll_into_view_if_needed()
            area = rail.bounding_box()
            at_end = gd.evaluate(f"g => (g.layout.sliders[{s}].active || 0) > g.layout.sliders[{s}].steps.length / 2")
            page.mouse.click(area["x"] + area["width"] * (0.05 if at_end else 0.9), area["y"] + area["height"] / 2)
            page.wait_for_timeout(900)
            assert gd.evaluate(PICTURE) != before, f"figure {i + 1}: slider {s + 1} changes nothing"
        play = gd.locator(".updatemenu-button", has_text=re.compile("play|▶|run", re.I))
        if play.count():
            if gd.evaluate("g => !!(g.layout.sliders || []).length"):  # from the start, or there may be nothing left to play
                area = gd.locator(".slider-rail-touch-rect").first.bounding_box()
                page.mouse.click(area["x"] + 2, area["y"] + area["height"] / 2)
                page.wait_for_timeout(900)
            before = gd.evaluate(PICTURE)
            play.first.click(force=True)
            changed = lambda: gd.evaluate(PICTURE) != before or page.wait_for_timeout(200)
            assert any(changed() for _ in range(25)), f"figure {i + 1}: play changes nothing"
    assert visit.problems == []


WIDER = """() => [...document.querySelectorAll('body *')].filter(e => {
  if (e.getBoundingClientRect().right <= innerWidth + 1) return false;
  for (let p = e.parentElement; p && p !== document.body; p = p.parentElement)
    if (getComputedStyle(p).overflowX !== 'visible') return false;
  return getComputedStyle(e).position !== 'fixed' && e.getClientRects().length;
}).slice(0, 5).map(e => `${e.tagName.toLowerCase()}#${e.id}.${e.className} ${Math.round(e.getBoundingClientRect().right)} px: ${e.textContent.trim().slice(0, 60)}`)"""


def unfold(page):
    "Open every folding box: what is hidden has no width."
    page.evaluate("() => document.querySelectorAll('.callout-collapse').forEach(e => e.classList.add('show'))")
    page.wait_for_timeout(200)


@pytest.mark.parametrize("visit", [360, 1280], indirect=True)
@each_lesson
def test_pages_do_not_scroll_sideways(visit, name):
    page = visit.open(name)
    unfold(page)
    width, window = page.evaluate("() => [document.documentElement.scrollWidth, innerWidth]")
    assert width <= window, f"{width} px wide because of {page.evaluate(WIDER)}"
    assert visit.problems == []


SCROLLING = """() => [...document.querySelectorAll('main :is(.math.display, table)')].filter(e => e.scrollWidth > e.clientWidth + 1).map(e =>
  `${e.scrollWidth} px in ${e.clientWidth}: ${(e.querySelector('mjx-assistive-mml') || e).textContent.replace(/\\s+/g, ' ').trim().slice(0, 60)}`)"""


@each_lesson
def test_formulas_and_tables_fit_the_column(visit, name):  # at 1280 px; on a phone they scroll in their boxes
    page = visit.open(name)
    unfold(page)
    wide = page.evaluate(SCROLLING)
    assert not wide, f"{len(wide)} formulas or tables of {name} scroll:\n" + "\n".join(wide)


@pytest.mark.parametrize("name", INSIDE)
def test_page_inside(visit, name):
    "The same checks as of a lesson, one after the other."
    for check in (test_page_loads_and_maths_is_typeset, test_headings_skip_no_level, test_plotly_figures_draw_and_move,
                  test_formulas_and_tables_fit_the_column, test_pages_do_not_scroll_sideways):
        check(visit, name)
    visit.page.set_viewport_size({"width": 360, "height": 900})
    visit.page.goto("about:blank")  # as a phone loads it
    test_pages_do_not_scroll_sideways(visit, name)


@pytest.mark.parametrize("key", ["Enter", "Space"])
def test_solutions_open_with_the_keyboard(visit, key):
    page = visit.open("coins.html")
    head = page.locator(".callout-header[data-bs-toggle]").first
    body = page.locator(".callout:has(.callout-header[data-bs-toggle]) .callout-collapse").first
    assert head.get_attribute("role") == "button" and not body.is_visible()
    head.focus()
    page.keyboard.press(key)
    body.wait_for(state="visible", timeout=5_000)
    page.wait_for_timeout(600)  # while it unfolds, it takes no orders
    page.keyboard.press(key)
    body.wait_for(state="hidden", timeout=5_000)
    assert visit.problems == []


def test_search_finds_jensen(visit):
    page = visit.open("index.html")
    box = page.locator(".smalldocs-search input:visible, #quarto-search input:visible")
    if not box.count():  # Quarto may show a button that opens the box
        page.locator("#quarto-search button:visible, .aa-DetachedSearchButton:visible").first.click()
        box = page.locator(".aa-Input:visible")
    box.first.click()
    box.first.press_sequentially("Jensen", delay=30)
    result = page.locator(".smalldocs-search-results a:visible, .aa-Panel a:visible, .aa-Item a:visible").first
    result.wait_for(timeout=10_000)
    target = result.get_attribute("href")
    result.click()
    page.wait_for_load_state("load")
    assert urlsplit(page.url).path == urlsplit(urljoin(visit.address, target)).path
    assert "Jensen" in page.locator("main").inner_text()
    assert visit.problems == []
