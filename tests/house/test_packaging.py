"""What `pyproject.toml` promises is what is tried, and what is packed is what is listed."""

import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parents[2]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
PROJECT = PYPROJECT["project"]
EXTRAS = PROJECT["optional-dependencies"]
RUNS = [Requirement(line) for line in PROJECT["dependencies"] + EXTRAS["plot"] + EXTRAS["tables"]]


def pinned(name: str) -> dict[str, Version]:
    lines = re.findall(r"^([\w.-]+)==(\S+)$", (ROOT / name).read_text("utf-8"), re.MULTILINE)
    return {package: Version(version) for package, version in lines}


@pytest.mark.parametrize("wanted", RUNS, ids=str)
def test_the_lowest_version_that_is_allowed_is_the_one_tried(wanted: Requirement):
    (lowest,) = (Version(s.version) for s in wanted.specifier if s.operator == ">=")
    tried = pinned("constraints-lowest.txt")[wanted.name]
    assert (
        tried.release[: len(lowest.release)] == lowest.release
    )  # the first one of 4.11 is 4.11.0.86


def test_the_versions_that_are_known_to_work_are_allowed():
    versions = pinned("constraints.txt")
    every = RUNS + [
        Requirement(line) for name in ("train", "export", "test") for line in EXTRAS[name]
    ]
    assert {w.name for w in every if versions[w.name] not in w.specifier} == set()


def test_the_source_archive_takes_files_of_the_root_only():
    """Without a slash in front `README.md` would also be one of the tests' examples."""
    listed = PYPROJECT["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]
    assert [name for name in listed if not name.startswith("/")] == []
    assert [name for name in listed if not (ROOT / name[1:]).exists()] == []


FROM_ZIP = """
import sys
sys.path.insert(0, sys.argv[1])
from glpose.errors import BadWeights
from glpose.runtime.load import shipped
from glpose.viewer import html_page
assert ".zip" in html_page.__file__
print(len(html_page._file("page.html")) > 0)
try:
    shipped()
except BadWeights as problem:
    print(problem)
"""


def test_a_package_in_a_zip_file_says_that_it_has_to_be_unpacked(tmp_path: Path) -> None:
    package = ROOT / "src" / "glpose"
    with zipfile.ZipFile(tmp_path / "glpose.zip", "w") as archive:
        for path in (*package.rglob("*.py"), *(package / "viewer" / "page").iterdir()):
            archive.write(path, path.relative_to(package.parent))
    command = [sys.executable, "-c", FROM_ZIP, tmp_path / "glpose.zip"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    is_page, line = done.stdout.splitlines()
    assert is_page == "True"
    assert "install glpose unpacked, not as a zip file" in line
