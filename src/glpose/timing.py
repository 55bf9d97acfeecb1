"""Seconds spent in each stage of a run; passed as an argument, never global."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager


class Timings:
    """Adds up wall time by stage; stages of different threads overlap in time."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._lock = threading.Lock()

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        """Count the time inside the `with` block for a stage."""
        begin = time.perf_counter()
        try:
            yield
        finally:
            spent = time.perf_counter() - begin
            with self._lock:
                self.seconds[stage] = self.seconds.get(stage, 0.0) + spent
