"""Programs that tests start: none outlives its test, whichever way that ends."""

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any


@contextmanager
def started(command: Sequence[object], **options: Any) -> Iterator[subprocess.Popen]:
    """A program with text pipes, killed at the end of the block if it has not ended by itself."""
    with subprocess.Popen([str(word) for word in command], text=True, **options) as run:
        try:
            yield run
        finally:
            run.kill()


_TRY_ALL = """
import json, sys
from glpose import EngineSpec
from glpose.errors import BadConfig
from glpose.runtime.options import PoseOptions, View
said = {}
for call in json.loads(sys.argv[1]):
    try:
        eval(call)
    except BadConfig as problem:
        said[call] = str(problem)
print(json.dumps(said))
"""


def refusals(calls: Iterable[str]) -> dict[str, str]:
    """What each call of settings says that is refused as `BadConfig`.

    In a process of its own: here the types are checked before our own check is reached.
    """
    command = [sys.executable, "-c", _TRY_ALL, json.dumps(list(calls))]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)
