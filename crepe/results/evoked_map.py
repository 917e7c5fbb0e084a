"""Which electrodes answer to a pulse at which other: the map of a session of single pulses."""

# Decision 104: the file, its windows, and its control.

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crepe.analysis.evoked import Responses, adjusted, first_spikes, responses
from crepe.electrodes.layouts import is_recording
from crepe.environment.versions import versions
from crepe.errors import ConfigError, CrepeError
from crepe.games.single_pulses import SinglePulses
from crepe.messages import ChannelStates, DeliveryState, Position
from crepe.recording.computed import experiment_tables
from crepe.recording.reader import Recording
from crepe.results.spikes import SpikeTrains, spike_trains
from crepe.results.streams import messages_of
from crepe.results.table import Table
from crepe.results.tables import stimulus_table
from crepe.store import Store

DIRECT_MS, LONGEST_MS = 10.0, 100.0
"""End of the direct responses, of the excited cells and their first synapses, and of all that
count. Chosen."""
Q = 0.05
"""Share of links that may be false, on average."""
FORMAT = "crepe evoked map 1"

_ARRAYS = ("n_pulses", "probability", "probability_before", "latency_ms", "p_value", "q_value")


@dataclass(frozen=True, eq=False, repr=False)
class EvokedMap:
    """Responses to single pulses, by window of time, stimulated and recorded electrode.

    All arrays are (2, n_stimulated, n_recorded), in the order of `windows_ms`, `stimulated` and
    `recorded`; nan where nothing was tested: an electrode's answer to its own pulses, and channels
    that were out of order.

    Examples
    --------
    >>> evoked = EvokedMap.load("map.json")
    >>> evoked.links().where(window="direct", stimulated="47")["recorded"]
    """

    session: str
    title: str  # of the experiment
    is_simulated: bool
    seed: int
    stimulated: tuple[str, ...]
    recorded: tuple[str, ...]
    positions_um: tuple[Position | None, ...]  # of the recorded electrodes
    windows_ms: Mapping[str, tuple[float, float]]  # by name, after the pulse
    n_delivered: int  # pulses
    n_left_out: int  # pulses that were requested and not delivered, or cut by a gap
    n_sham_links: int  # links of the same test halfway between two pulses
    n_pulses: NDArray[np.int64]  # that count
    probability: NDArray[np.float64]  # share of them with a spike in the window
    probability_before: NDArray[np.float64]  # with one in the window 100 ms earlier
    latency_ms: NDArray[np.float64]  # median of the first spikes
    p_value: NDArray[np.float64]  # of the exact sign test, one-sided
    q_value: NDArray[np.float64]  # p corrected for the number of pairs and windows

    def __repr__(self) -> str:
        kind = "SIMULATED culture" if self.is_simulated else "culture"
        counts = ", ".join(f"{n} {name}" for name, n in self.n_links.items())
        return f"<EvokedMap of session {self.session}, {kind}: links {counts}>"

    @cached_property
    def is_link(self) -> NDArray[np.bool_]:
        """Pairs in which pulses make a response likelier than chance explains."""
        return np.nan_to_num(self.q_value, nan=1.0) <= Q

    @property
    def n_links(self) -> dict[str, int]:
        """Number of links by window."""
        counts = self.is_link.sum(axis=(1, 2)).tolist()
        return dict(zip(self.windows_ms, counts, strict=True))

    @property
    def n_tested(self) -> int:
        """Number of pairs and windows that were tested, for which `q_value` is corrected."""
        return int((~np.isnan(self.p_value)).sum())

    def table(self) -> Table:
        """Return a row for each pair and window that was tested.

        Columns: window, stimulated, recorded, then the arrays by their names, and is_link.
        """
        return self._rows(~np.isnan(self.p_value))

    def links(self) -> Table:
        """Return the rows of `table` that are links."""
        return self._rows(self.is_link)

    def _rows(self, is_kept: NDArray[np.bool_]) -> Table:
        window, stimulated, recorded = np.nonzero(is_kept)
        return Table(
            {
                "window": np.array(list(self.windows_ms), object)[window],
                "stimulated": np.array(self.stimulated, object)[stimulated],
                "recorded": np.array(self.recorded, object)[recorded],
                **{name: getattr(self, name)[is_kept] for name in _ARRAYS},
                "is_link": self.is_link[is_kept],
            }
        )

    def save(self, path: Path) -> None:
        """Write the map as JSON; nan becomes null. Raises CrepeError if that fails."""
        content: dict[str, Any] = {"format": FORMAT, "versions": versions("scipy")}
        for field in fields(self):
            value = getattr(self, field.name)
            content[field.name] = _plain(value) if isinstance(value, np.ndarray) else value
        try:
            path.write_text(json.dumps(content) + "\n", encoding="utf-8")
        except OSError as error:
            raise CrepeError(f"{path}: cannot be written: {error.strerror}") from error

    @classmethod
    def load(cls, path: str | Path) -> "EvokedMap":
        """Return the map in a file. Raises ConfigError for a file that holds none."""
        try:
            content = json.loads(Path(path).read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            raise ConfigError(f"{path}: cannot be read as JSON: {error}") from error
        written = content.get("format") if isinstance(content, dict) else None
        if written != FORMAT:
            raise ConfigError(f"{path}: format {written!r}, must be {FORMAT!r}")
        values: dict[str, Any] = {field.name: content[field.name] for field in fields(cls)}
        for name in _ARRAYS:
            values[name] = np.array(values[name], np.int64 if name == "n_pulses" else np.float64)
        values["stimulated"], values["recorded"] = map(
            tuple, (values["stimulated"], values["recorded"])
        )
        places = values["positions_um"]
        values["positions_um"] = tuple(None if place is None else tuple(place) for place in places)
        values["windows_ms"] = {name: tuple(ms) for name, ms in values["windows_ms"].items()}
        return cls(**values)


def evoked_map(path: Path) -> EvokedMap:
    """Return the map of a recorded session of `SinglePulses`.

    Raises ConfigError if the session is of another game, or had no pulse; DeviceError if the
    recording cannot be read.
    """
    with Recording(path) as recording:
        tables = experiment_tables(recording.experiment)
        session, seed = recording.session or path.stem, recording.seed
        is_simulated = recording.is_simulated
    game = _game(tables, path)
    with Store(path) as store:
        trains = spike_trains(store)
        stimuli = stimulus_table(store)
        states = list(messages_of(ChannelStates, store))
    span_s = LONGEST_MS / 1000
    # `whole` drops events; it is asked about each, since electrodes go with them.
    fired_s = stimuli["fired_s"] + game.latency_ms / 1000
    is_kept = np.array(
        [
            state == DeliveryState.DELIVERED and len(trains.whole([at_s], span_s, span_s)) == 1
            for state, at_s in zip(stimuli["state"], fired_s, strict=True)
        ],
        bool,
    )
    if not is_kept.any():
        raise ConfigError(f"{path}: none of {len(stimuli)} requested pulses was delivered, no map")
    pulses = np.round(fired_s[is_kept] * trains.rate_hz).astype(np.int64)
    stimulated = np.array([game.electrodes.index(e) for e in stimuli["electrodes"][is_kept]])
    windows_ms = {"direct": (game.held_ms, DIRECT_MS), "recurrent": (DIRECT_MS, LONGEST_MS)}
    tested = _Tested(trains, states, game.electrodes, windows_ms)
    by_window, q_value = tested.responses(pulses, stimulated)
    half = round(game.interval_s / 2 * trains.rate_hz)
    _, sham_q = tested.responses(pulses + half, stimulated)
    return EvokedMap(
        session=session,
        title=str(tables.get("title", "")),
        is_simulated=is_simulated,
        seed=seed,
        stimulated=game.electrodes,
        recorded=trains.labels,
        positions_um=trains.positions_um,
        windows_ms=windows_ms,
        n_delivered=len(pulses),
        n_left_out=len(stimuli) - len(pulses),
        n_sham_links=int((np.nan_to_num(sham_q, nan=1.0) <= Q).sum()),
        n_pulses=np.stack([each.n_pulses for each in by_window]),
        probability=np.stack([each.probability for each in by_window]),
        probability_before=np.stack([each.probability_before for each in by_window]),
        latency_ms=np.stack([each.latency for each in by_window]) / trains.rate_hz * 1000,
        p_value=np.stack([each.p_value for each in by_window]),
        q_value=q_value,
    )


class _Tested:
    """The test of all pairs of a session, at the pulses or at any other times."""

    def __init__(
        self,
        trains: SpikeTrains,
        states: list[ChannelStates],
        electrodes: tuple[str, ...],
        windows_ms: Mapping[str, tuple[float, float]],
    ) -> None:
        self._trains = [trains.samples(label) for label in trains.labels]
        self._states = states
        self._electrodes = electrodes
        per_ms = trains.rate_hz / 1000
        self._windows = [(round(a * per_ms), round(b * per_ms)) for a, b in windows_ms.values()]
        self._span = round(LONGEST_MS * per_ms)
        own = np.array([[label == each for each in trains.labels] for label in electrodes])
        self._may_answer = is_recording(trains.labels) & ~own

    def responses(
        self, events: NDArray[np.int64], stimulated: NDArray[np.int64]
    ) -> tuple[list[Responses], NDArray[np.float64]]:
        """Return the responses in each window, and p corrected for all of them together."""
        is_used = self._may_answer[stimulated] & ~self._is_out_of_order(events)
        by_window = [
            responses(
                first_spikes(self._trains, events, start, stop),
                # The same samples, so many as the longest response earlier.
                first_spikes(self._trains, events, start - self._span, stop - self._span),
                stimulated,
                len(self._electrodes),
                is_used,
            )
            for start, stop in self._windows
        ]
        return by_window, adjusted(np.stack([each.p_value for each in by_window]))

    def _is_out_of_order(self, events: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return whether a channel was dead, saturated or settling near events."""
        result = np.zeros((len(events), len(self._trains)), bool)
        ends = [state.stop for state in self._states[1:]]
        for state, end in zip(self._states, [*ends, np.inf], strict=True):
            is_near = (events + self._span > state.start) & (events - self._span < end)
            is_bad = np.array([each != ChannelStates.OK for each in state.states])
            result |= is_near[:, np.newaxis] & is_bad
        return result


def _game(tables: Mapping[str, Any], path: Path) -> SinglePulses:
    """Return the game of a recorded experiment. Raises ConfigError if it is another one."""
    own = f"{SinglePulses.__module__}:{SinglePulses.__qualname__}"
    for table in tables.get("actors", {}).values():
        if table.get("run") == own:
            names = SinglePulses.model_fields
            return SinglePulses(**{key: table[key] for key in table if key in names})
    raise ConfigError(f"{path}: no actor of {own}; a map is made of single pulses (crepe map)")


def _plain(array: NDArray[Any]) -> list[Any]:
    """Return an array as lists in which nan is None."""
    plain = array.astype(object)
    plain[np.isnan(array)] = None
    result: list[Any] = plain.tolist()
    return result
