"""Memory that a program has freed and soon needs again."""

import ctypes
import sys

# Parameters of glibc's mallopt (malloc.h) and the largest value that it takes for the second.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_MMAP_BYTES = 32 << 20
_KEPT_BYTES = 64 << 20


def keep_freed_memory() -> None:
    """Let the allocator keep up to 64 MB that are free, instead of giving them back to the system.

    By default it gives back what is freed at the end of the heap, so that the arrays of the next
    segment fault in page by page. Does nothing where the C library is not glibc.
    """
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _MMAP_BYTES)
        mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)
