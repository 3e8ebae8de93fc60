"""The most memory that this process had allocated at once, as glibc counts it; what it keeps unused is left out."""

import ctypes
import threading
from types import TracebackType

INTERVAL = 0.005
FIELDS = (
    "arena",
    "ordblks",
    "smblks",
    "hblks",
    "hblkhd",
    "usmblks",
    "fsmblks",
    "uordblks",
    "fordblks",
    "keepcost",
)


class _Mallinfo(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in FIELDS]


def allocated_megabytes() -> float:
    """What is allocated now."""
    library = ctypes.CDLL(None)
    library.mallinfo2.restype = _Mallinfo
    info = library.mallinfo2()
    return float(info.uordblks + info.hblkhd) / 2**20


class PeakMemory:
    """While it lasts, looks every five milliseconds; then ``megabytes`` is the most beyond what there was before."""

    def __enter__(self) -> "PeakMemory":
        self.before = self.most = allocated_megabytes()
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._watch)
        self.thread.start()
        return self

    def __exit__(self, _kind: type | None, _error: BaseException | None, _trace: TracebackType | None) -> None:
        self.ended.set()
        self.thread.join()
        self.megabytes = max(self.most, allocated_megabytes()) - self.before

    def _watch(self) -> None:
        while not self.ended.wait(INTERVAL):
            self.most = max(self.most, allocated_megabytes())
