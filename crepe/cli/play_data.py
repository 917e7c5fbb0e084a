"""`crepe play` without a game: an instrument or a recording through the actors of an experiment."""

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import typer
from numpy.typing import NDArray
from rich.table import Table

from crepe.actors.acquire import Acquire
from crepe.actors.actor import Actor, Source
from crepe.actors.artefact import WithoutArtefact
from crepe.actors.detect import Detect
from crepe.actors.filter import BandPass
from crepe.cli.output import Output, open_console
from crepe.cli.progress import Reached, progress, running_session
from crepe.config.experiment import Experiment
from crepe.config.overrides import SPIKE_BAND_HZ
from crepe.config.wiring import ActorSpec
from crepe.electrodes.geometry import positions_um, unknown_text
from crepe.errors import ConfigError, ExitCode, StoreError
from crepe.hw.device import open_recorder
from crepe.hw.mcs.recorder import McsRecording
from crepe.messages import Segment, Spikes
from crepe.recording.coverage import Coverage
from crepe.store import Store, Stream
from crepe.supervise import control
from crepe.supervise.start import DRAIN_S, recording_path

_POLL_S = 0.2
_AFTER_S = 0.01  # in which a crossing may be the trace of an artefact; chosen


@dataclass
class Counts:
    """The result of a session without a game."""

    labels: tuple[str, ...] = ()
    spikes: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    """Shape (n_channels,)."""
    stimuli: NDArray[np.int64] = field(default_factory=lambda: np.zeros((0, 2), np.int64))
    """Shape (n_events, 2): windows of the stimulation events that the file has, in order."""
    n_after_stimuli: int = 0  # crossings in one of them, or up to _AFTER_S behind it
    coverage: Coverage = field(default_factory=Coverage)  # how much data they are of
    has_ended: bool = False  # in good order: the data ended, or --seconds
    recording: Path | None = None


def play_file(
    experiment: Experiment, output: Output, *, seconds: float | None, take_over: bool
) -> bool:
    """Run a recording through an experiment's actors; print spikes and rates by channel.

    Return False if it was interrupted.
    """
    source = _only(experiment, Acquire).make()
    assert isinstance(source, Acquire)
    recorder = open_recorder(source.device)
    info = recorder.open(0)
    total_s, notes, stimuli = None, [], None
    if isinstance(recorder, McsRecording):
        total_s, notes = recorder.n_samples / info.sampling_rate_hz, recorder.notes
        stimuli = recorder.stimuli
    recorder.close()
    info = source.described(info)
    band = _only(experiment, BandPass).settings
    output.line(
        f"{info.source}: {info.n_channels} channels at {info.sampling_rate_hz:g} Hz, "
        f"band {band['low_hz']:g} to {band['high_hz']:g} Hz"
    )
    for note in notes:
        output.line(f"{note}; choose with --recording and --stream")
    if unknown := unknown_text(info.labels, positions_um(info)):
        output.line(f"{unknown}; --geometry names the array or a probeinterface file")
    output.line(
        "stimulation artefacts (many channels jump at once) are removed"
        if experiment.actors_of(WithoutArtefact)
        else "stimulation artefacts are not looked for: crossings after pulses may be their traces"
    )
    if (band["low_hz"], band["high_hz"]) != SPIKE_BAND_HZ:
        output.line("sampled too slowly for the usual spike band: read the counts with care")
    _only(experiment, Detect)
    limits_s = [limit_s for limit_s in (seconds, total_s) if limit_s is not None]
    counts = Counts() if stimuli is None else Counts(stimuli=stimuli)
    total_s = min(limits_s, default=None)
    return _run(experiment, output, seconds, total_s, take_over=take_over, counts=counts)


def play_data(
    experiment: Experiment, output: Output, *, seconds: float | None, take_over: bool
) -> bool:
    """Run an experiment that has no game; print spikes and rates by channel.

    Return False if it was interrupted.
    """
    until = f"for {seconds:g} s of data" if seconds else "until its data end; --seconds N ends it"
    output.line(experiment.title, "bold")
    output.line(
        f"no game in {experiment.path}: {', '.join(experiment.actors)} run {until}, or Ctrl-C"
    )
    counts = Counts()
    return _run(experiment, output, seconds, seconds, take_over=take_over, counts=counts)


def _run(
    experiment: Experiment,
    output: Output,
    seconds: float | None,
    total_s: float | None,
    *,
    take_over: bool,
    counts: Counts,
) -> bool:
    """Run the programs until the data end, or for so many seconds; print what was counted."""
    try:
        with running_session(experiment, output, take_over=take_over) as store:
            counts.recording = recording_path()
            with progress("data", "s", total_s, open_console(stderr=True)) as reached:
                _follow(store, experiment, counts, seconds, reached)
    except KeyboardInterrupt:
        output.line("interrupted: everything is stopped")
        _print(counts, output)
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    _print(counts, output)
    return counts.has_ended


def _follow(
    store: Store, experiment: Experiment, counts: Counts, limit_s: float | None, reached: Reached
) -> None:
    """Count spikes until the data end, or `limit_s` seconds of data are there."""
    sources = [experiment.actors[name] for name in experiment.actors_of(Source)]
    source = next((actor for actor in sources if Segment in actor.writes), None)
    if source is None:
        raise ConfigError(f"{experiment.path}: no actor writes segments; there is nothing to play")
    data = _await(store, source.writes[Segment])
    counts.coverage = Coverage(0, (), data.info.sampling_rate_hz)
    counts.labels = data.info.labels
    counts.spikes = np.zeros(data.info.n_channels, np.int64)
    names = experiment.streams_of(Spikes)
    spikes = _await(store, names[-1]) if names else None  # of the last stage of the flow
    cursor, has_ended = 0, False
    while not has_ended:
        # By `is None`: a stream that is still empty is false.
        stream = data if spikes is None else spikes
        has_ended = stream.is_ended  # read before the length: no message comes after the end
        length = len(stream)
        # Read like the spikes, piece by piece: Redis keeps only the last minutes of a stream.
        coverage = counts.coverage.extended(length, stream.gaps(cursor, length))
        if limit_s is not None and coverage.covered_s >= limit_s:
            length, has_ended = coverage.sample_at(limit_s), True
        counts.coverage = coverage.until(length)
        if spikes is not None:
            _count(spikes, cursor, length, counts)
        cursor = length
        note = f"{counts.spikes.sum()} spikes" if spikes is not None else ""
        reached(counts.coverage.covered_s, note)
        control.must_run()
        time.sleep(_POLL_S)
    counts.has_ended = True
    if data.is_ended:
        for name in experiment.recorders:
            _await_end(store, experiment.program_of[name])


def _count(spikes: Stream, start: int, stop: int, counts: Counts) -> None:
    """Add the spikes in [start, stop)."""
    for message in spikes.messages(start, stop):
        if isinstance(message, Spikes):
            is_new = (message.sample >= start) & (message.sample < stop)
            counts.spikes += np.bincount(message.channel[is_new], minlength=len(counts.spikes))
            rate_hz = spikes.info.sampling_rate_hz
            counts.n_after_stimuli += _n_after(message.sample[is_new], counts.stimuli, rate_hz)


def _n_after(samples: NDArray[np.int64], stimuli: NDArray[np.int64], rate_hz: float) -> int:
    """Return how many of the samples are in a window of stimulation, or right behind one."""
    starts, stops = stimuli[:, 0], np.maximum.accumulate(stimuli[:, 1])
    n_begun = np.searchsorted(starts, samples, side="right")
    n_over = np.searchsorted(stops + round(_AFTER_S * rate_hz), samples, side="right")
    return int((n_begun > n_over).sum())


def _print(counts: Counts, output: Output) -> None:
    coverage, recording = counts.coverage, counts.recording
    if not output.as_json and counts.spikes.any():
        table = Table("electrode", "spikes", "rate / Hz", box=None)
        for label, n in zip(counts.labels, counts.spikes, strict=True):
            table.add_row(
                label, str(n), f"{coverage.rate_hz(n):.2f}" if coverage.n_covered else "-"
            )
        output.console.print(table)
    output.text(
        f"{len(counts.labels)} channels, {coverage.covered_s:.2f} s of data, "
        f"{coverage.gaps_text}, {counts.spikes.sum()} spikes (threshold crossings, multi-unit)"
    )
    n_stimuli = len(counts.stimuli)
    if n_stimuli:
        output.text(
            f"{n_stimuli} recorded stimulation events: {counts.n_after_stimuli} crossings during "
            f"them or within {1000 * _AFTER_S:.0f} ms, which may be traces of artefacts"
        )
    is_kept = recording is not None and recording.is_file()
    if is_kept:
        output.text(f"recording: {recording}")
    output.document(
        {
            "has_ended": counts.has_ended,
            "seconds": coverage.covered_s,
            "n_gaps": len(coverage.gaps),
            "missing_s": coverage.missing_s,
            "n_spikes": int(counts.spikes.sum()),
            "n_stimulation_events": n_stimuli,
            "n_spikes_after_stimulation": counts.n_after_stimuli,
            "spikes": dict(zip(counts.labels, counts.spikes.tolist(), strict=True)),
            "recording": str(recording) if is_kept else None,
        }
    )


def _only(experiment: Experiment, kind: type[Actor[Any, Any]]) -> ActorSpec:
    """Return the actor of a class. Raises ConfigError if there is none, or more than one."""
    names = experiment.actors_of(kind)
    if len(names) != 1:
        raise ConfigError(
            f"{experiment.path}: {len(names)} actors of {kind.__name__}, must be 1 to play a file"
        )
    return experiment.actors[names[0]]


def _await(store: Store, name: str) -> Stream:
    while name not in store:
        control.must_run()
        time.sleep(0.05)
    return store[name]


def _await_end(store: Store, program: str) -> None:
    deadline = time.monotonic() + DRAIN_S
    while store.actors().get(program, {}).get("state") != "ended":
        control.must_run()
        if time.monotonic() > deadline:
            raise StoreError(f"{program}: has not finished {DRAIN_S:.0f} s after the data's end")
        time.sleep(0.05)
