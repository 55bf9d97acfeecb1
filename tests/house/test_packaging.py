"""What is packed is what is listed."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


def test_the_source_archive_takes_files_of_the_root_only():
    """Without a slash in front `README.md` would also be one of the tests' examples."""
    listed = PYPROJECT["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]
    assert [name for name in listed if not name.startswith("/")] == []
    assert [name for name in listed if not (ROOT / name[1:]).exists()] == []
