"""Programs that tests start: none outlives its test, whichever way that ends."""

import subprocess
from collections.abc import Iterator, Sequence
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
