"""What the front door does unless it is told otherwise."""

import subprocess
import sys

import pytest

from glpose.api import usual_refiners
from glpose.refine.phantoms import without_phantoms
from glpose.skeleton import BODY19


def test_phantoms_are_left_out_unless_boxes_are_given() -> None:
    detected, given = usual_refiners(None, BODY19), usual_refiners({}, BODY19)
    assert detected[0] is without_phantoms
    assert without_phantoms not in given
    assert len(detected) == len(given) + 1 == 2


@pytest.mark.slow
def test_bare_arrays_are_refused_with_the_way_to_give_them() -> None:
    code = (  # in a process without type checks, which would refuse them first
        "import glpose, numpy\n"
        "try:\n"
        "    glpose.run(numpy.zeros((2, 8, 8, 3), numpy.uint8))\n"
        "except glpose.BadInput as problem:\n"
        "    print(problem)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("found a ndarray as source; expected a path or a source")
