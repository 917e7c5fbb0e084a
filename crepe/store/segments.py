"""Segments joined and cut, gaps between windows, and samples cast to a stream's dtype."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crepe.errors import GapError
from crepe.messages import Segment, StreamInfo

_PAGE_BYTES = 1 << 20  # pages of about 1 MB are best for bulk reads


def fitting(samples: NDArray[Any], dtype: str, name: str) -> NDArray[Any]:
    """Return samples as `dtype`. Floats are rounded to its precision, whole numbers never.

    Raises ValueError, which begins with `name`, for a sample that `dtype` cannot hold.
    """
    with np.errstate(invalid="ignore", over="ignore"):
        cast = samples.astype(dtype, copy=False)
    if cast.dtype == samples.dtype:
        return cast
    # `>=` of truth values: rounding is allowed, but no finite sample may become infinite.
    is_kept = (
        cast == samples if cast.dtype.kind in "iu" else np.isfinite(cast) >= np.isfinite(samples)
    )
    if not is_kept.all():
        bad = samples[~is_kept].flat[0]
        raise ValueError(f"{name}: a sample of {bad}, must be a value that {dtype} can hold")
    return cast


def joined(parts: list[Segment]) -> Segment:
    """Return consecutive segments as one."""
    if len(parts) == 1:
        return parts[0]
    samples = np.concatenate([part.samples for part in parts], axis=1)
    return Segment(parts[0].start, parts[-1].stop, samples, parts[-1].t_ns, parts[0].is_estimated)


def cut(segment: Segment, start: int, stop: int) -> Segment:
    """Return the part of a segment in [start, stop)."""
    samples = segment.samples[:, start - segment.start : stop - segment.start]
    is_estimated = segment.is_estimated and start == segment.start
    return Segment(start, stop, samples, segment.t_ns, is_estimated)


def regrouped(segments: Iterable[Segment], n_samples: int) -> Iterator[Segment]:
    """Yield the same samples in segments of `n_samples`; shorter before a gap and at the end."""
    parts: list[Segment] = []
    for segment in segments:
        if parts and segment.start != parts[-1].stop:
            yield joined(parts)
            parts = []
        parts.append(segment)
        while parts and parts[-1].stop - parts[0].start >= n_samples:
            whole = joined(parts)
            end = whole.start + n_samples
            yield cut(whole, whole.start, end)
            parts = [cut(whole, end, whole.stop)] if end < whole.stop else []
    if parts:
        yield joined(parts)


def missing(windows: Iterable[tuple[int, int]], start: int, stop: int) -> list[tuple[int, int]]:
    """Return the parts of [start, stop) that no window covers; the windows come in order."""
    gaps = []
    reached = start
    for begin, end in windows:
        if begin > reached:
            gaps.append((reached, begin))
        reached = max(reached, end)
    if reached < stop:
        gaps.append((reached, stop))
    return gaps


def joined_windows(windows: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the windows, which come in order, with those that touch or overlap as one."""
    covered: list[tuple[int, int]] = []
    for start, stop in windows:
        if covered and start <= covered[-1][1]:
            covered[-1] = covered[-1][0], max(covered[-1][1], stop)
        else:
            covered.append((start, stop))
    return covered


def entries_per_page(info: StreamInfo) -> int:
    """Return how many entries of a stream are read at once."""
    n_bytes = info.n_channels * info.segment_samples * np.dtype(info.dtype).itemsize
    return max(1, _PAGE_BYTES // max(n_bytes, 256))  # n_bytes is 0 without channels


def gap_error(
    name: str, window: tuple[int, int], gaps: list[tuple[int, int]], kept: tuple[int, int]
) -> GapError:
    """Return the error for gaps in a window of a stream that holds the samples `kept`."""
    texts = ", ".join(f"{start} to {stop}" for start, stop in gaps)
    text = f"{name}: of samples {window[0]} to {window[1]}, {texts} are missing"
    if gaps[0][0] < kept[0]:
        text += f"; the stream holds {kept[0]} to {kept[1]}"
    return GapError(text, gaps)
