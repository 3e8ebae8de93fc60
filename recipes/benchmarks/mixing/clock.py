"""The clock of the benchmark: wall time, or the processor time of this process on a machine that others use."""

import time


class Clock:
    """Seconds by `now`; of the processor, user and system, where `of_processor` is set."""

    def __init__(self) -> None:
        self.of_processor = False

    def now(self) -> float:
        """Seconds since some moment."""
        return time.process_time() if self.of_processor else time.perf_counter()


CLOCK = Clock()
