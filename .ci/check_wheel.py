"""That the installed wheel is what was built here, typed, with its page, and free of torch."""

import importlib.util
import sys
from pathlib import Path

import glpose

home = Path(glpose.__file__).parent
assert Path(sys.prefix) in home.parents, f"glpose comes from {home}, not from {sys.prefix}"
assert (home / "py.typed").is_file(), f"{home} has no py.typed"
page = home / "viewer" / "page"
missing = {"page.html", "page.css", "page.js"} - {path.name for path in page.glob("*")}
assert not missing, f"{page} lacks {missing}, which glpose report needs"
for name in ("torch", "onnx", "matplotlib"):
    assert importlib.util.find_spec(name) is None, f"{name} is installed; glpose must not need it"
print(f"glpose {glpose.__version__} in {home}")
