"Make README.md from nbs/index.ipynb as it is stored, outputs included. Nothing is executed."

import base64
import re
import sys
from configparser import ConfigParser
from pathlib import Path

import nbformat
import yaml

ROOT = Path(__file__).resolve().parent.parent
HIDING = re.compile(r"^#\|\s*(hide|export|exporti|default_exp)\b|^#\|\s*(include|echo):\s*false", re.M)


def site():
    "The address of the published site, ending in a slash."
    ini = ConfigParser()
    ini.read(ROOT / "settings.ini", encoding="utf-8")
    return (ini["DEFAULT"]["doc_host"] + ini["DEFAULT"]["doc_baseurl"]).rstrip("/") + "/"


def options(source):
    "The options at the top of a cell, and the code without any option line."
    lines = source.splitlines()
    found = [s[2:].strip() for s in lines if re.match(r"#\|\s*[\w-]+:", s)]
    code = "\n".join(s for s in lines if not s.startswith("#|")).strip("\n")
    return yaml.safe_load("\n".join(found)) or {}, code


def callouts(text):
    "Write Quarto's callout boxes as quotations, which GitHub and PyPI both show."
    out, inside = [], False
    for line in text.splitlines():
        if re.match(r":::+\s*\{", line):
            inside = True
        elif re.match(r":::+\s*$", line):
            inside = False
        else:
            line = re.sub(r"^#+\s+(.*)$", r"**\1**", line) if inside else line
            out.append(("> " + line).rstrip() if inside else line)
    return "\n".join(out)


def markdown(text):
    "A Markdown cell, with links to notebooks turned into links to the published pages."
    page = lambda m: f"]({site()}{m[1]}.html{m[2] or ''})"
    return callouts(re.sub(r"\]\((?:\d\d[a-z]?_)?(\w+)\.ipynb(#[\w.-]*)?\)", page, text))


def title_cell(text):
    "Title and subtitle; the key-value lines are for the site alone."
    return "\n".join(s for s in text.splitlines() if not re.match(r"-\s+[\w-]+:\s", s)).strip()


def readme(path=None):
    "The text of README.md, and the pictures it shows as {file name: bytes}."
    nb = nbformat.read(path or ROOT / "nbs" / "index.ipynb", as_version=4)
    parts, pictures = ["<!-- Made from nbs/index.ipynb by make notebooks. Edit the notebook, not this file. -->"], {}
    for number, cell in enumerate(nb.cells):
        if cell.cell_type == "markdown":
            parts.append(title_cell(cell.source) if number == 0 else markdown(cell.source))
        elif cell.cell_type == "code":
            opts, code = options(cell.source)
            if code and not HIDING.search(cell.source):
                parts.append(f"```python\n{code}\n```")
            if re.search(r"^#\|\s*(hide|default_exp)\b|^#\|\s*(include|output):\s*false", cell.source, re.M):
                continue
            for out in cell.outputs:
                data = out.get("data", {})
                if "image/png" in data:
                    name = f"figure-{len(pictures) + 1}.png"
                    pictures[name] = base64.b64decode(data["image/png"])
                    parts.append(f"![{opts.get('fig-alt', opts.get('fig-cap', ''))}](README_files/{name})")
                    if "fig-cap" in opts:
                        parts.append(f"*{opts['fig-cap']}*")
                elif "text/markdown" in data:
                    parts.append(markdown("".join(data["text/markdown"])))
                elif out.output_type == "stream" or "text/plain" in data:
                    text = "".join(out.get("text") or data.get("text/plain", "")).rstrip()
                    parts.append("\n".join("    " + s for s in text.splitlines()))
    return "\n\n".join(p.strip("\n") for p in parts if p.strip()) + "\n", pictures


def write():
    "Write README.md and its pictures."
    text, pictures = readme()
    (ROOT / "README.md").write_text(text, encoding="utf-8")
    folder = ROOT / "README_files"
    for old in folder.glob("*") if folder.is_dir() else []:
        old.unlink()
    for name, data in pictures.items():
        folder.mkdir(exist_ok=True)
        (folder / name).write_bytes(data)


def stale():
    "What differs between the README on disk and the notebook, as a list of names."
    text, pictures = readme()
    wanted = {"README.md": text.encode(), **{f"README_files/{n}": b for n, b in pictures.items()}}
    there = {"README.md", *(f"README_files/{p.name}" for p in (ROOT / "README_files").glob("*"))}
    return sorted(n for n in there | wanted.keys()
                  if not (ROOT / n).is_file() or (ROOT / n).read_bytes() != wanted.get(n))


if __name__ == "__main__":
    if "--check" in sys.argv:
        sys.exit(f"not as nbs/index.ipynb says: {', '.join(stale())} (run: make notebooks)" if stale() else 0)
    write()
