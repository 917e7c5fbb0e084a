"""Segments joined and cut, and samples made to fit a stream."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from crepe.messages import Segment


def fitting(samples: NDArray[Any], dtype: str, name: str) -> NDArray[Any]:
    """Samples as `dtype`; whole numbers stay what they are, others are rounded as floats are."""
    with np.errstate(invalid="ignore", over="ignore"):
        cast = samples.astype(dtype, copy=False)
    if cast.dtype == samples.dtype:
        return cast
    is_kept = (
        cast == samples if cast.dtype.kind in "iu" else np.isfinite(cast) >= np.isfinite(samples)
    )
    if not is_kept.all():
        bad = samples[~is_kept].flat[0]
        raise ValueError(f"{name}: a sample of {bad}, must be a value that {dtype} can hold")
    return cast


def joined(parts: list[Segment]) -> Segment:
    """Segments that follow one another as one."""
    if len(parts) == 1:
        return parts[0]
    samples = np.concatenate([part.samples for part in parts], axis=1)
    return Segment(parts[0].start, parts[-1].stop, samples, parts[-1].t_ns, parts[0].is_estimated)


def cut(segment: Segment, start: int, stop: int) -> Segment:
    """What of a segment lies in [start, stop)."""
    samples = segment.samples[:, start - segment.start : stop - segment.start]
    is_estimated = segment.is_estimated and start == segment.start
    return Segment(start, stop, samples, segment.t_ns, is_estimated)
