"What a user installs: an sdist and a wheel that build from a clean copy, and work outside this folder."

import os
import re
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

import emlit

pytestmark = pytest.mark.network
ROOT = Path(__file__).resolve().parent.parent
NOT_SOURCE = shutil.ignore_patterns(".git", ".venv", "_docs", "_build", "_proc", "build", "dist", "*.egg-info", "__pycache__", ".hypothesis", ".pytest_cache")


def run(*command, **kw):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, **kw)
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def dist(tmp_path_factory):
    "The sdist, and the wheel built from it."
    copy = tmp_path_factory.mktemp("source") / "emlit"
    shutil.copytree(ROOT, copy, ignore=NOT_SOURCE)
    run(sys.executable, "-m", "build", cwd=copy)
    return copy / "dist"


def test_sdist_holds_what_it_needs_to_build(dist):
    with tarfile.open(next(dist.glob("*.tar.gz"))) as tar:
        names = {n.split("/", 1)[1] for n in tar.getnames() if "/" in n}
    assert {"settings.ini", "setup.py", "pyproject.toml", "README.md", "LICENSE", "emlit/__init__.py"} <= names


def test_wheel_holds_the_package_alone(dist):
    with zipfile.ZipFile(next(dist.glob("*.whl"))) as wheel:
        names = wheel.namelist()
        metadata = wheel.read(next(n for n in names if n.endswith("METADATA"))).decode()
    assert {n.split("/")[0] for n in names} == {"emlit", f"emlit-{emlit.__version__}.dist-info"}
    assert {p.relative_to(ROOT).as_posix() for p in (ROOT / "emlit").rglob("*.py")} | {"emlit/py.typed"} <= set(names)
    assert f"Version: {emlit.__version__}" in metadata and "Requires-Dist: numpy" in metadata
    needed = re.findall(r"^Requires-Dist: ([\w-]+)(?!.*extra ==)", metadata, re.M)
    assert not {"nbdev", "fastcore", "pytest"} & set(needed)


def test_wheel_runs_the_readme_in_a_fresh_environment(dist, tmp_path):
    venv.create(tmp_path / "env", with_pip=True)
    python = next(p for p in (tmp_path / "env" / "bin" / "python", tmp_path / "env" / "Scripts" / "python.exe") if p.exists())
    run(python, "-m", "pip", "install", "-qq", "--disable-pip-version-check", next(dist.glob("*.whl")))
    blocks = re.findall(r"^```python\n(.*?)^```", (ROOT / "README.md").read_text(encoding="utf-8"), re.M | re.S)
    assert blocks, "README.md has no example"
    example = tmp_path / "example.py"
    example.write_text("\n".join(blocks) + "\nimport emlit; print(emlit.__file__, emlit.__version__)\n", encoding="utf-8")
    last = run(python, "-W", "error::DeprecationWarning:emlit", example, cwd=tmp_path,
               env={**os.environ, "MPLBACKEND": "Agg"}).strip().splitlines()[-1]
    assert str(tmp_path) in last and last.endswith(emlit.__version__)
