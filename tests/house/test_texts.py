"""Docstrings, versions, weights and documents say what they must."""

import ast
import hashlib
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import glpose
from glpose.runtime.engine import EngineSpec
from glpose.runtime.load import load_estimator, open_estimator, read_card, shipped
from glpose.weights import DEFAULT_DETECTOR, DEFAULT_LIFT, DEFAULT_PICTURE, DEFAULT_POSE

ROOT = Path(__file__).parents[2]
SOURCE = Path(glpose.__file__).parent
WEIGHTS = SOURCE / "weights"
SHIPPED = (
    f"{DEFAULT_POSE}.encoder.onnx",
    f"{DEFAULT_POSE}.fusion.onnx",
    f"{DEFAULT_POSE}.summary.onnx",
    f"{DEFAULT_PICTURE}.encoder.onnx",
    f"{DEFAULT_PICTURE}.fusion.onnx",
    f"{DEFAULT_DETECTOR}.onnx",
    f"{DEFAULT_LIFT}.lift.onnx",
    "flowing_small.fusion.onnx",
    "dkd_small.encoder.onnx",
    "dkd_small.fusion.onnx",
    "dkd_small.starter.onnx",
)
MAX_MB = 30


def test_version_is_the_newest_of_the_changelog():
    newest = re.search(
        r"^## (\d+\.\d+\.\d+)", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE
    )
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert newest is not None
    assert glpose.__version__ == newest[1] == project["version"]
    cited = re.search(r"^version: (\S+)$", (ROOT / "CITATION.cff").read_text("utf-8"), re.MULTILINE)
    assert cited is not None
    assert cited[1] == newest[1]


@pytest.mark.parametrize("name", SHIPPED)
def test_weights_are_there_with_card_and_digest(name: str):
    path = WEIGHTS / name
    assert path.is_file(), f"{name} is not in {WEIGHTS}; train and export it, see docs/howto"
    card = read_card(path)
    assert card.trained_on
    assert card.terms
    assert card.licence
    assert card.scores
    sums = (WEIGHTS / "SHA256SUMS").read_text("utf-8")
    assert f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {name}" in sums.splitlines()


@pytest.mark.parametrize("name", [DEFAULT_POSE, DEFAULT_PICTURE])
def test_scores_of_usual_weights_are_calibrated(name: str):
    assert load_estimator(name, EngineSpec(threads=1)).card.calibration


def test_weights_are_small_listed_and_described():
    found = sorted(path.name for path in WEIGHTS.glob("*.onnx"))
    assert set(SHIPPED) <= set(found)
    assert sum((WEIGHTS / name).stat().st_size for name in found) <= MAX_MB * 1e6
    listed = [line.split()[1] for line in (WEIGHTS / "SHA256SUMS").read_text("utf-8").splitlines()]
    assert sorted(listed) == found
    cards = (WEIGHTS / "CARDS.md").read_text("utf-8")
    assert all(name.split(".")[0] in cards for name in found)


@pytest.mark.parametrize("name", [w.name for w in shipped() if w.use == "pose"])
def test_weights_of_poses_can_be_opened_by_name(name: str):
    digests = open_estimator(name, EngineSpec(threads=1)).record["sha256"]
    sums = (WEIGHTS / "SHA256SUMS").read_text("utf-8").splitlines()
    # The graphs of another model, too, are those that are shipped.
    assert {f"{digest}  {file}" for file, digest in digests.items()} <= set(sums)


def undocumented(path: Path) -> Iterator[str]:
    tree = ast.parse(path.read_text("utf-8"))
    where = path.relative_to(SOURCE)
    if tree.body and not ast.get_docstring(tree):
        yield str(where)
    for node in tree.body:
        is_named = isinstance(node, ast.FunctionDef | ast.ClassDef)
        if is_named and not node.name.startswith("_") and not ast.get_docstring(node):
            yield f"{where}: {node.name}"


def test_modules_public_functions_and_classes_have_docstrings():
    assert [text for path in sorted(SOURCE.rglob("*.py")) for text in undocumented(path)] == []


@pytest.mark.parametrize(
    ("name", "limit"), [("ARCHITECTURE.md", 200), ("CONTRIBUTING.md", 100), ("README.md", 200)]
)
def test_documents_are_short_and_their_links_lead_somewhere(name: str, limit: int):
    text = (ROOT / name).read_text("utf-8")
    assert len(text.splitlines()) <= limit
    for target in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (ROOT / target).exists(), f"{name}: {target}"


def test_tests_that_documents_name_are_there():
    """A name without folders is of a file beside the one named before."""
    documents = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *SOURCE.rglob("*.md")]
    lost = []
    for path in documents:
        folder = ROOT
        for name in re.findall(
            r"`((?:tests/)?[\w/]*test_\w+\.py)(?:::\w+)?`", path.read_text("utf-8")
        ):
            folder = (ROOT / name).parent if "/" in name else folder
            if not (folder / Path(name).name).is_file():
                lost.append(f"{path.relative_to(ROOT)}: {name}")
    assert lost == []


def test_the_document_of_metrics_is_short_and_names_every_quirk():
    text = (ROOT / "docs" / "metrics.md").read_text("utf-8")
    assert len(text.splitlines()) <= 200
    metrics = [path.read_text("utf-8") for path in (SOURCE / "metrics").glob("posetrack_*.py")]
    quirks = set(re.findall(r"^\* `([a-z0-9-]+)`:", "\n".join(metrics), re.MULTILINE))
    assert len(quirks) > 10
    assert quirks == set(
        re.findall(r"^\| `([a-z0-9]+-[a-z0-9-]+|visibility)` \|", text, re.MULTILINE)
    )


# Documents that readers do not have: papers and public code have names of their own.
UNKNOWN_SOURCES = re.compile(r"specifications?,? +(sections?|table)|\btable A\b", re.IGNORECASE)


def unknown_sources(text: str) -> list[str]:
    """What a text names as its source without saying where it can be read; lines may break it."""
    return [found[0] for found in UNKNOWN_SOURCES.finditer(re.sub(r"[\s#]+", " ", text))]


def test_sources_can_be_found_by_readers():
    paths = [p for p in sorted(SOURCE.rglob("*")) if p.suffix in (".py", ".md")]
    named = {str(p.relative_to(SOURCE)): unknown_sources(p.read_text("utf-8")) for p in paths}
    assert {path: found for path, found in named.items() if found} == {}, (
        "cite the paper, the public code, or a page in docs/"
    )


def test_a_source_that_readers_do_not_have_is_found():
    assert unknown_sources("# as in the model\n    # specification, section 3")
    assert unknown_sources("Source: dataset specification,\nsections 4 and 5")
    assert not unknown_sources("Source: Feng et al., TOOD, ICCV 2021, section 3.3")


def test_tests_of_units_mirror_the_source():
    """tests/unit/a/test_b.py is about glpose/a/b.py; test_b_more.py may hold more about it."""
    unit = ROOT / "tests" / "unit"
    lost = []
    for path in sorted(unit.rglob("test_*.py")):
        folder = SOURCE / path.relative_to(unit).parent
        words = path.stem.removeprefix("test_").split("_")
        names = ["_".join(words[:n]) for n in range(len(words), 0, -1)]
        if not any((folder / f"{name}.py").exists() or (folder / name).is_dir() for name in names):
            lost.append(str(path.relative_to(ROOT)))
    assert lost == [], (
        "no module of that name in src/glpose: move the file to where its module is, or name it "
        "test_MODULE.py or test_MODULE_more.py"
    )
