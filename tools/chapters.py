"""Number the chapters of the course as nbs/chapters.yml says.

The table is the reading order. To change it, change the numbers there and run `make chapters`: the files get their new names,
and what goes by a number follows: links, equations and what refers to them, exercises, chapters in words, the sidebar."""

import io
import re
import subprocess
import sys
import tokenize
from pathlib import Path

import nbformat
import yaml

ROOT = Path(__file__).resolve().parent.parent
FILE = re.compile(r"\b(\d\d[a-z]?)_([a-z0-9_]+)\.ipynb\b")
TAG = re.compile(r"\\tag\{([^}]*)\}")
WORDS = re.compile(r"(?i)\b(?:chapters?|exercises?) \d[\w.]*(?:(?:, | and | or | to )\d[\w.]*)*")
ELSEWHERE = re.compile(r"Source:|\((?:19|20)\d\d\)|Li Hang|Methods, (?:chapter|exercise)")  # another book's numbers


def table(root=ROOT):
    "The chapters of the course as they should be: {name: number}, such as {'em': '03'}."
    listed = yaml.safe_load((root / "nbs" / "chapters.yml").read_text(encoding="utf-8"))
    return {name: str(number) for number, name in (line.split() for line in listed)}


def present(root=ROOT):
    "The same as the files say."
    found = (FILE.fullmatch(p.name) for p in sorted((root / "nbs").glob("*.ipynb")))
    return {m[2]: m[1] for m in found if m and m[1] < "80"}


def plain(number):
    "03 as it is said: 3."
    return number.lstrip("0") or "0"


def new_tags(books, old, new):
    """The numbers of equations: {old: new}, in the order in which they stand.

    Chapters that share a number, as 12 and 12b, share its equations. Where none of them changes, no equation does."""
    tags = {name: [t for c in books[name].cells if c.cell_type == "markdown" for t in TAG.findall(c.source)] for name in new}
    found, counted = {}, {}
    group = lambda numbers, n: {name: v for name, v in numbers.items() if plain(v).rstrip("abcdefgh") == n}
    for name in sorted(new, key=new.get):
        n = plain(new[name]).rstrip("abcdefgh")
        same = group(old, n) == group(new, n)
        for t in tags[name]:
            counted[n] = counted.get(n, 0) + 1
            found[t] = t if same else f"{n}.{counted[n]}"
    return found


class Renumbering:
    "What becomes of file names, equations and words."

    def __init__(self, old, new, tags):
        self.names = {f"{old[n]}_{n}.ipynb": f"{new[n]}_{n}.ipynb" for n in old}
        self.numbers = {plain(old[n]): plain(new[n]) for n in old}
        self.tags = tags

    def links(self, text):
        return FILE.sub(lambda m: self.names.get(m[0], m[0]), text)

    def word(self, m):
        "Chapters 3 and 4, exercise 5.2: each number by itself."
        each = lambda k: self.numbers.get(k[1], k[1]) + (k[2] or "")
        return re.sub(r"\b(\d{1,2}[a-h]?)(\.\d+)?\b", each, m[0])

    def prose(self, text):
        "Text for readers: Markdown, a docstring or a comment."
        text = TAG.sub(lambda m: f"\\tag{{{self.tags.get(m[1], m[1])}}}", text)
        text = re.sub(r"\((\d[\w.]*)\)", lambda m: f"({self.tags.get(m[1], m[1])})", text)
        lines = (s if ELSEWHERE.search(s) else WORDS.sub(self.word, s) for s in text.split("\n"))
        return self.links("\n".join(lines))

    def code(self, source):
        "Code: its comments and strings alone."
        lines = source.split("\n")
        plain_python = "\n".join("" if s.startswith(("%", "!")) else s for s in lines)
        try: tokens = list(tokenize.generate_tokens(io.StringIO(plain_python + "\n").readline))
        except (tokenize.TokenError, IndentationError): return self.links(source)
        for t in reversed(tokens):
            if t.type not in (tokenize.COMMENT, tokenize.STRING): continue
            (a, i), (b, j) = t.start, t.end
            said = (lines[a - 1][:i] + self.prose(t.string) + lines[b - 1][j:]).split("\n")
            lines[a - 1:b] = said
        return "\n".join(lines)


def in_order(text):
    "The sidebar, with the chapters by number."
    lines = re.findall(r"^ *- [0-7]\d\w+\.ipynb\n", text, re.M)
    ordered = iter(sorted(lines))
    return re.sub(r"^ *- [0-7]\d\w+\.ipynb\n", lambda m: next(ordered), text, flags=re.M)


def renumber(root=ROOT):
    "Do it; returns the files that changed."
    old, new = present(root), table(root)
    if old.keys() != new.keys(): sys.exit(f"nbs/chapters.yml and nbs/ name different chapters: {', '.join(sorted(old.keys() ^ new.keys()))}")
    books = {p: nbformat.read(p, as_version=4) for p in sorted((root / "nbs").glob("*.ipynb"))}
    by_name = {name: books[root / "nbs" / f"{number}_{name}.ipynb"] for name, number in old.items()}
    change, changed = Renumbering(old, new, new_tags(by_name, old, new)), []
    for path, nb in books.items():
        before = [c.source for c in nb.cells]
        for cell in nb.cells: cell.source = (change.prose if cell.cell_type == "markdown" else change.code)(cell.source)
        if [c.source for c in nb.cells] != before: changed.append(path); nbformat.write(nb, path)
    for path in [root / "_quarto.yml", root / "CONTRIBUTING.md", *sorted((root / "tests").glob("*.py"))]:
        if not path.exists(): continue
        text = path.read_text(encoding="utf-8")
        said = in_order(change.links(text)) if path.suffix == ".yml" else change.links(text)
        if said != text: changed.append(path); path.write_text(said, encoding="utf-8")
    moved = {root / "nbs" / a: root / "nbs" / b for a, b in change.names.items() if a != b}
    for a in moved: a.rename(a.with_suffix(".moving"))
    for a, b in moved.items(): a.with_suffix(".moving").rename(b)
    return changed + list(moved.values())


def main():
    changed = renumber()
    if not changed: return print("The chapters are numbered as nbs/chapters.yml says.")
    subprocess.run([Path(sys.executable).parent / "nbdev_export"], cwd=ROOT, check=True)
    subprocess.run([sys.executable, ROOT / "tools" / "readme.py"], check=True)
    print("Changed:", *sorted({str(p.relative_to(ROOT)) for p in changed}), sep="\n  ")


if __name__ == "__main__":
    main()
