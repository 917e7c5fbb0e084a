"""A short form of `python -m benchmarks.chaos`, without what a busy machine makes later."""

from benchmarks.chaos.__main__ import run


def test_random_faults_lose_and_double_nothing_and_every_stimulus_has_one_answer(monkeypatch):
    monkeypatch.setenv("CREPE_VAR", "")  # to be restored: each half sets its own
    figures = run(minutes=0.8, seed=3)
    assert figures["generator, faults"] > 5
    assert figures["culture, stimuli"] > 0
    assert {what: n for what, n in figures.items() if "must be 0:" in what and n} == {}
