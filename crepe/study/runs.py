"""Runs one session of an experiment to its game's end: in this process, or live through Redis."""

import time
from collections.abc import Collection, Iterator

from crepe.config.experiment import Experiment, save_experiment
from crepe.environment import paths
from crepe.environment.session import new_id
from crepe.errors import CrepeError
from crepe.messages import GameState
from crepe.results.trials import DELIVERED, GAME, SPIKES
from crepe.runtime.loop import Loop
from crepe.store import Store
from crepe.study.study import Run, Told
from crepe.supervise import control
from crepe.supervise.start import recording_path, running, wait_until_recorded

_LOOK_S = 0.1


def in_process(experiment: Experiment, told: Told, kept: Collection[str] = ()) -> Run:
    """Run in this process, as fast as it goes; the recording is kept as of any session.

    The result has the game, the spikes, what was delivered, and the streams that are `kept`.
    """
    session = new_id()
    directory = paths.private(paths.var_directory() / "recordings")
    loop = Loop(experiment, directory, kept=(GAME, SPIKES, DELIVERED, *kept), session=session)
    try:
        for messages in loop.steps():
            for message in messages:
                if isinstance(message, GameState):
                    told(message)
            last = loop.store.last(GAME)
            if last is not None and last.is_end:
                loop.end()
                break
    finally:
        loop.close()
    return Run(Store(loop.store), session)


def live(experiment: Experiment, told: Told) -> Run:
    """Run under supervisord, through Redis, in real time; read from the recording."""
    experiment = save_experiment(experiment, paths.run_directory() / "experiment.json")
    with running(experiment) as store:
        recording = recording_path()
        for state in _states(store):
            told(state)
        wait_until_recorded(store, experiment)
    if recording is None or not recording.is_file():
        raise CrepeError("no recording: an experiment needs an actor that records its game")
    return Run(Store(recording), recording.stem)


def _states(store: Store) -> Iterator[GameState]:
    """The game's states as they come, to its end. Raises CrepeError if a program fails."""
    position = 0
    while True:
        if GAME in store:
            stream = store[GAME]
            is_over = stream.is_ended  # asked first: nothing comes after the end
            length = len(stream)
            for message in stream.messages(position, length):
                if isinstance(message, GameState):
                    yield message
            position = length
            if is_over:
                return
        control.must_run()
        time.sleep(_LOOK_S)
