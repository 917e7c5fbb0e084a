"""Metrics of the running session for Prometheus: lags, delays, gaps, stimuli, memory, disk.

Names, units and types follow the conventions of Prometheus: seconds and bytes, `_total` for what
only grows, histograms for delays. Counts begin again with a session, and with the page.
"""

# Decision 90: the format is written by Prometheus' own client library.

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
)
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from crepe import __version__
from crepe.config.disk_space import DiskLeft
from crepe.dashboard.integrity import Gaps
from crepe.dashboard.latency import Latency
from crepe.dashboard.session_view import SessionView
from crepe.messages import ChannelStates

_QUANTILES = (("0.5", "p50/ms"), ("0.99", "p99/ms"))
_BY_PROGRAM = ("program",)


class SessionMetrics(NamedTuple):
    """State of the running session at one moment.

    Attributes
    ----------
    view
        The session.
    age_s
        Seconds since its newest sample index last grew.
    programs
        Rows of `crepe.supervise.status`.
    memory_bytes
        Resident memory, by program, where the system tells it.
    gaps
        In the acquired data; None before the first report.
    control
        State of the stimulator, as `Control.state` returns it.
    disk
        Space for recordings; None where the data rate cannot be computed.
    is_store_read
        Whether the store of streams answers.
    """

    view: SessionView
    age_s: float
    programs: Sequence[Mapping[str, Any]]
    memory_bytes: Mapping[str, int]
    gaps: Gaps | None
    control: Mapping[str, Any]
    disk: DiskLeft | None
    is_store_read: bool


class SessionCollector(Collector):
    """The metric families of one moment, as the client library writes them."""

    def __init__(self, metrics: SessionMetrics) -> None:
        self._now = metrics

    def collect(self) -> Iterator[Metric]:
        """Yield all families."""
        yield from self._session()
        yield from self._loop()
        yield from self._programs()
        yield from self._surroundings()

    def _session(self) -> Iterator[Metric]:
        view, rate_hz = self._now.view, self._now.view.rate_hz
        about = view.about()
        source = next((info.source for info in view.infos.values() if info.source), "")
        yield InfoMetricFamily(
            "crepe_session",
            "The running session; `source` begins with SIMULATED if no culture lives.",
            {
                "session": view.session,
                "title": about["title"],
                "source": f"SIMULATED: {source}" if view.is_simulated else source,
                "version": __version__,
            },
        )
        yield _gauge("crepe_session_position_seconds", "Newest sample, as time.", view.now, rate_hz)
        yield _gauge("crepe_sampling_rate_hertz", "Samples per second and channel.", rate_hz)
        yield _gauge("crepe_data_age_seconds", "Time without new data.", self._now.age_s)
        if (gaps := self._now.gaps) is not None:
            yield _counter("crepe_acquired_gaps", "Gaps in the acquired data.", gaps.n)
            yield _counter(
                "crepe_acquired_missing_samples", "Samples missing in them.", gaps.n_missing
            )
        if view.counts is not None:
            yield _counter(
                "crepe_spikes", "Detected spikes, of all channels.", view.counts.n_spikes
            )
        states = view.newest.get("ChannelStates")
        if isinstance(states, ChannelStates):
            channels = GaugeMetricFamily("crepe_channels", "Channels by state.", labels=["state"])
            for state in sorted(set(states.states)):
                channels.add_metric([state], states.states.count(state))
            yield channels

    def _loop(self) -> Iterator[Metric]:
        """Yield what the loop does: delays, stimuli, trials."""
        view = self._now.view
        yield _histogram(
            "crepe_decision_delay_seconds",
            "From the arrival of the last sample of a decision's window to the decision; of the "
            "newest decision at each look, a few times a second.",
            view.decided,
        )
        yield _histogram(
            "crepe_stimulus_delay_seconds",
            "From the sample at which a stimulus was requested to its acknowledged start.",
            view.fired,
        )
        stimuli = CounterMetricFamily(
            "crepe_stimuli", "Requested trains of pulses by their final state.", labels=["state"]
        )
        for state, n in view.events.n_by_state.items():
            stimuli.add_metric([state], n)
        yield stimuli
        trials = CounterMetricFamily(
            "crepe_trials", "Finished trials of the game.", labels=["condition", "outcome"]
        )
        for condition, outcomes in view.events.by_condition.items():
            for outcome, n in outcomes.items():
                trials.add_metric([condition, outcome], n)
        yield trials

    def _programs(self) -> Iterator[Metric]:
        rate_hz, programs = self._now.view.rate_hz, self._now.programs
        state = GaugeMetricFamily(
            "crepe_program_state", "1 for the state of each program.", labels=["program", "state"]
        )
        step = Metric("crepe_program_step_duration_seconds", "Duration of its steps.", "summary")
        for row in programs:
            name = row["program"]
            state.add_metric([name, row["state"].partition(" for ")[0]], 1)
            for quantile, column in _QUANTILES:
                labels = {"program": name, "quantile": quantile}
                step.add_sample(step.name, labels, row[column] / 1000)
        yield state
        yield step
        for kind, name, text, column, per_unit in (
            (GaugeMetricFamily, "uptime_seconds", "Time since its start.", "up/s", 1),
            (
                GaugeMetricFamily,
                "position_seconds",
                "What it has done, as time.",
                "position",
                rate_hz,
            ),
            (GaugeMetricFamily, "lag_seconds", "Its input that still waits.", "lag", rate_hz),
            (CounterMetricFamily, "restarts", "Restarts by supervisord.", "restarts", 1),
            (CounterMetricFamily, "gaps", "Gaps in its input.", "gaps", 1),
            (CounterMetricFamily, "missing_samples", "Samples missing in them.", "missing", 1),
            (CounterMetricFamily, "unreadable_messages", "Messages skipped.", "unreadable", 1),
        ):
            family = kind(f"crepe_program_{name}", text, labels=_BY_PROGRAM)
            for row in programs:
                family.add_metric([row["program"]], row[column] / per_unit)
            yield family
        problem = GaugeMetricFamily(
            "crepe_program_problem", "1 if `crepe status` has a problem of it.", labels=_BY_PROGRAM
        )
        for row in programs:
            problem.add_metric([row["program"]], bool(row["problem"]))
        yield problem
        memory = GaugeMetricFamily(
            "crepe_program_resident_memory_bytes", "Its resident memory.", labels=_BY_PROGRAM
        )
        for program, n_bytes in self._now.memory_bytes.items():
            memory.add_metric([program], n_bytes)
        yield memory

    def _surroundings(self) -> Iterator[Metric]:
        control, disk = self._now.control, self._now.disk
        yield _gauge(
            "crepe_stimulation_allowed",
            "1 if neither a stop nor a missing arming refuses stimuli.",
            control["can_stimulate"] and not control["refusal"],
        )
        yield _gauge("crepe_stop_latched", "1 after a stop.", control["is_stopped"])
        yield _gauge("crepe_armed_seconds", "Time until the arming ends.", control["armed_s"])
        yield _gauge("crepe_store_up", "1 if Redis answers the page.", self._now.is_store_read)
        if disk is not None:
            yield _gauge("crepe_disk_free_bytes", "Space for recordings.", disk.free_bytes)
            if disk.hours is not None:
                yield _gauge(
                    "crepe_disk_left_seconds",
                    "How long the space lasts at the experiment's data rate.",
                    disk.hours * 3600,
                )


def _gauge(name: str, text: str, value: float, per_unit: float = 1.0) -> Metric:
    return GaugeMetricFamily(name, text, value / per_unit)


def _counter(name: str, text: str, value: int) -> Metric:
    return CounterMetricFamily(name, text, value)


def _histogram(name: str, text: str, latency: Latency) -> Metric:
    # A float as its label: 0.001, and +Inf.
    buckets = [
        ("+Inf" if edge_ms == float("inf") else f"{edge_ms / 1000:g}", n)
        for edge_ms, n in latency.cumulative()
    ]
    return HistogramMetricFamily(name, text, buckets, latency.total_ms / 1000)
