"""Features of a readout: spikes counted by electrode and time in the window before a sample."""

from typing import Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, model_validator

from crepe.electrodes.layouts import is_recording


class Window(BaseModel):
    """The window of the features before a sample, and its resolution."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    window_s: PositiveFloat = 0.3
    """Length of the window; it ends with the newest sample."""
    bin_s: PositiveFloat = 0.05
    """Length of the bins of the window, which they must divide."""
    n_history: int = Field(0, ge=0)
    """Number of earlier windows that are counted, too, each as a whole."""

    @model_validator(mode="after")
    def _whole_bins(self) -> Self:
        n_bins = self.window_s / self.bin_s
        if abs(n_bins - round(n_bins)) > 1e-6:
            raise ValueError(
                f"bin_s: {self.bin_s:g} s, must divide the window of {self.window_s:g} s"
            )
        return self

    @property
    def n_bins(self) -> int:
        """Number of bins per electrode."""
        return round(self.window_s / self.bin_s)

    @property
    def span_s(self) -> float:
        """Length of the window with its history."""
        return self.window_s * (1 + self.n_history)

    def features(
        self,
        channel: NDArray[np.int32],
        sample: NDArray[np.int64],
        stop: int,
        labels: tuple[str, ...],
        sampling_rate_hz: float,
    ) -> NDArray[np.float64]:
        """Return square roots of the counts before `stop`.

        A count's variance grows with its mean, that of its root does not (Bartlett 1936, J R Stat
        Soc Suppl 3:68).

        Parameters
        ----------
        channel, sample
            Of the spikes, (n_spikes,) each, in any order. Spikes outside the span are left out, and
            those of the reference electrode, which can show only artefacts.
        labels
            Of all channels.

        Returns
        -------
        (n_features,): all bins of the first channel, then of the next; then the history, from the
        oldest window on, all channels each.
        """
        n_channels = len(labels)
        is_used = is_recording(labels)[channel]
        channel, sample = channel[is_used], sample[is_used]
        window = round(self.window_s * sampling_rate_hz)
        before = stop - 1 - sample  # 0: the newest sample
        n_bins = self.n_bins
        is_now = (before >= 0) & (before < window)
        # Multiplied before it is divided, since a bin need not be a whole number of samples.
        place = n_bins - 1 - before[is_now] * n_bins // window
        n_now = n_channels * n_bins
        now = np.bincount(channel[is_now] * n_bins + place, minlength=n_now)
        if not self.n_history:
            only: NDArray[np.float64] = np.sqrt(now)
            return only
        back = before // window
        is_history = (back >= 1) & (back <= self.n_history)
        row = (self.n_history - back[is_history]) * n_channels + channel[is_history]
        history = np.bincount(row, minlength=self.n_history * n_channels)
        result: NDArray[np.float64] = np.sqrt(np.concatenate([now, history]))
        return result
