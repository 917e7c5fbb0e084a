"""A small session of two trials that a script plays, in memory and as a recording."""

import pytest

from crepe.config.experiment import load_experiment
from crepe.runtime.loop import Loop
from crepe.store import Store

SEED = 3


@pytest.fixture(scope="session")
def played(tmp_path_factory):
    """The store of a loop, and the path of its recording."""
    directory = tmp_path_factory.mktemp("played")
    experiment = load_experiment(None, {"actors.game.n_trials": 2, "seed": SEED})
    loop = Loop(experiment, directory)
    memory = loop.run(until="result:game")
    return Store(memory), directory / "loop.h5"


@pytest.fixture(params=["memory", "recording"])
def session(request, played):
    """The same session from memory and from its file."""
    if request.param == "memory":
        yield played[0]
        return
    with Store(played[1]) as store:
        yield store
