"""The import contract, the torch line, and that importing glpose does nothing else."""

import subprocess
import sys
from pathlib import Path

import pytest
from onnx import TensorProto, helper

ROOT = Path(__file__).parents[2]


def run_fresh(code: str) -> str:
    """The output of code in a fresh interpreter, warnings being errors."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def loaded_after(imports: str, packages: tuple[str, ...]) -> set[str]:
    code = f"import sys\n{imports}\nprint(*[p for p in {packages!r} if p in sys.modules])"
    return set(run_fresh(code).split())


def test_import_contract():
    from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports

    status = lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True)
    assert status == EXIT_STATUS_SUCCESS


def test_plain_import_loads_nothing_heavy():
    heavy = ("torch", "av", "onnxruntime", "cv2", "scipy", "numpy")
    assert loaded_after("import glpose", heavy) == set()


def test_command_line_loads_nothing_heavy():
    heavy = ("torch", "av", "onnxruntime", "cv2", "scipy", "numpy")
    assert loaded_after("import glpose.cli.main", heavy) == set()


@pytest.mark.slow
def test_all_that_runs_is_free_of_torch():
    imports = "import glpose, glpose.cli.main, glpose.jobs.run, glpose.cli.about, glpose.synth\n"
    imports += "import glpose.cli.evaluate, glpose.jobs.evaluate\n"
    imports += "import glpose.jobs.table, glpose.jobs.smooth, glpose.jobs.angles, glpose.jobs.html_report\n"
    imports += "[getattr(glpose, name) for name in glpose.__all__]"
    assert loaded_after(imports, ("torch", "onnx", "onnxscript", "matplotlib")) == set()


@pytest.mark.slow
def test_jobs_and_evaluation_need_no_command_line(tiny_weights: Path, tmp_path: Path):
    out = run_fresh(
        "import sys, pkgutil, importlib\n"
        "sys.modules.update({name: None for name in ('cyclopts', 'rich', 'glpose.cli')})\n"
        "import glpose.evaluation, glpose.jobs\n"
        "for room in (glpose.evaluation, glpose.jobs):\n"
        "    for module in pkgutil.walk_packages(room.__path__, room.__name__ + '.'):\n"
        "        if module.name not in ('glpose.jobs.runs', 'glpose.jobs.origin', 'glpose.jobs.pretrain'):  # above the torch line\n"
        "            importlib.import_module(module.name)\n"
        "import numpy\n"
        "from pathlib import Path\n"
        "from glpose.jobs.run import Options, run_sources\n"
        "pictures = numpy.random.default_rng(0).integers(0, 256, (3, 80, 120, 3), numpy.uint8)\n"
        f"weights = {str(tiny_weights)!r}\n"
        f"options = Options(Path({str(tmp_path)!r}), weights=weights, engine=glpose.EngineSpec(threads=1),\n"
        "    detector=weights + '/finder.onnx')\n"
        "(outcome,) = run_sources([glpose.ArraySource(pictures, name='noise')], options)\n"
        "print(outcome.frames, outcome.folder.name, 'torch' in sys.modules)\n"
    )
    assert out == "3 noise False\n"
    assert (tmp_path / "noise" / "poses.jsonl").exists()


@pytest.mark.slow
def test_recipes_are_free_of_torch():
    imports = "from glpose.recipes import RECIPES, load_recipe\n[load_recipe(n) for n in RECIPES]"
    assert loaded_after(imports, ("torch",)) == set()


@pytest.mark.slow
def test_imports_have_no_side_effects():
    out = run_fresh(
        # OpenCV sets LD_LIBRARY_PATH when it is imported; that is not ours to change.
        "import os, logging, signal, numpy, cv2\n"
        "def state():\n"
        "    numbers = numpy.random.get_state()\n"
        "    return (numbers[1].tolist(), numbers[2], dict(os.environ), os.getcwd(),\n"
        "            logging.root.level, len(logging.root.handlers),\n"
        "            signal.getsignal(signal.SIGINT), numpy.geterr())\n"
        "before = state()\n"
        "import glpose, glpose.cli.main, glpose.jobs.run, glpose.synth, glpose.evaluation.predict\n"
        "assert state() == before\n"
    )
    assert out == ""


@pytest.mark.slow
def test_a_run_leaves_the_process_as_it_was(tmp_path: Path) -> None:
    """But for OpenCV, see docs/api.md; ONNX Runtime still warns a program that uses it itself."""
    one = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in "xy"]
    unused = helper.make_tensor("useless", TensorProto.FLOAT, [1], [1.0])
    node = helper.make_node("Identity", ["x"], ["y"])
    graph = helper.make_graph([node], "g", one[:1], one[1:], [unused])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    (tmp_path / "own.onnx").write_bytes(model.SerializeToString())
    program = (
        "import os, logging, signal, sys, threading, warnings, numpy, cv2, av\n"
        "def state():\n"
        "    numbers = numpy.random.get_state()\n"
        "    return (numbers[1].tolist(), numbers[2], dict(os.environ), os.getcwd(),\n"
        "            logging.root.level, len(logging.root.handlers), len(warnings.filters),\n"
        "            signal.getsignal(signal.SIGINT), numpy.geterr(), av.logging.get_level(),\n"
        "            sys.excepthook, threading.active_count())\n"
        "before = state()\n"
        "import glpose\n"
        "glpose.run(numpy.zeros((2, 64, 64, 3), 'uint8'), preset='fast').collect()\n"
        "assert state() == before\n"
        "print('done', file=sys.stderr, flush=True)\n"
        "import onnxruntime\n"
        "onnxruntime.InferenceSession('own.onnx', providers=['CPUExecutionProvider'])\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    said, _, warned = done.stderr.partition("done\n")
    assert (done.returncode, said) == (0, "")
    assert "useless" in warned


def test_public_names_are_sorted_and_importable():
    import glpose

    assert glpose.__all__ == sorted(glpose.__all__)
    assert all(getattr(glpose, name) is not None for name in glpose.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = glpose.nothing
