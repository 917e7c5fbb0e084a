"""`crepe play --file`: a recording through the actors of an experiment, and its spike counts."""

import time
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from crepe.actors.actor import Actor, Source
from crepe.actors.detect import Detect
from crepe.actors.filter import BandPass
from crepe.config.experiment import Experiment
from crepe.config.overrides import SPIKE_BAND_HZ
from crepe.config.wiring import ActorSpec
from crepe.errors import ConfigError, StoreError
from crepe.hw.device import open_recorder
from crepe.messages import Segment, Spikes
from crepe.store import Store, Stream
from crepe.supervise import control
from crepe.supervise.start import DRAIN_S, recording_path, running


def analyse(experiment: Experiment, console: Console, *, take_over: bool = False) -> bool:
    """Run a recording through the experiment's actors; print spikes and rates per channel."""
    source = _only(experiment, Source)
    recorder = open_recorder(str(source.settings["device"]))
    info = recorder.open(0)
    recorder.close()
    band = _only(experiment, BandPass).settings
    console.print(
        f"{info.source}: {info.n_channels} channels at {info.sampling_rate_hz:g} Hz, "
        f"band {band['low_hz']:g} to {band['high_hz']:g} Hz",
        soft_wrap=True,
    )
    if (band["low_hz"], band["high_hz"]) != SPIKE_BAND_HZ:
        console.print("sampled too slowly for the usual spike band: read the counts with care")
    spikes_stream = _only(experiment, Detect).writes[Spikes]
    counts = np.zeros(info.n_channels, dtype=np.int64)
    try:
        with running(experiment, take_over=take_over) as store:
            recording = recording_path()
            spikes = _await(store, spikes_stream)
            for message in spikes.follow_messages(0):
                if isinstance(message, Spikes):
                    counts += np.bincount(message.channel, minlength=info.n_channels)
            data = store[source.writes[Segment]]
            n_missing = sum(stop - start for start, stop in data.gaps())
            seconds = (len(data) - n_missing) / info.sampling_rate_hz
            for name in experiment.recorders:
                _await_end(store, experiment.program_of[name])
    except KeyboardInterrupt:
        console.print("interrupted: everything is stopped")
        return False
    table = Table("electrode", "spikes", "rate / Hz", box=None)
    for label, n in zip(info.labels, counts, strict=True):
        table.add_row(label, str(n), f"{n / seconds:.2f}" if seconds else "-")
    console.print(table)
    console.print(
        f"{info.n_channels} channels, {seconds:.2f} s, {counts.sum()} spikes "
        f"(threshold crossings, multi-unit)"
    )
    if recording is not None:
        console.print(f"recording: {recording}", soft_wrap=True)
    return True


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
