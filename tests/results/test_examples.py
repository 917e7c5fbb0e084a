"""The examples in the docstrings of an analyst's functions run, on a session that was recorded."""

import doctest
import inspect

import pytest

from crepe.results.spikes import SpikeTrains, spike_trains
from crepe.results.table import Table
from crepe.results.tables import stimulus_table, trial_table
from crepe.results.waveforms import waveforms
from crepe.store import Store, Stream

DOCUMENTED = (
    Store, Stream, Table, spike_trains, SpikeTrains.psth_hz, trial_table, stimulus_table, waveforms,
)  # fmt: skip


@pytest.mark.parametrize("documented", DOCUMENTED, ids=lambda item: item.__qualname__)
def test_the_examples_run(documented, played, tmp_path, monkeypatch):
    path = played[1]
    (tmp_path / "recordings").symlink_to(path.parent)
    monkeypatch.setenv("CREPE_VAR", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    functions = (Store, spike_trains, stimulus_table, trial_table, waveforms)
    names = {function.__name__: function for function in functions}
    with Store("last") as store:
        names |= {"store": store, "data": store["data"], "spikes": spike_trains(store)}
        names |= {"trials": trial_table(store), "stimuli": stimulus_table(store)}
        examples = doctest.DocTestParser().get_examples(inspect.getdoc(documented) or "")
        assert examples
        for example in examples:
            exec(example.source, names)
