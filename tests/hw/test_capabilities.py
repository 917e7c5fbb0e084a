"""Promises of instruments: the defaults are the strictest, and only a proof is verified."""

import pytest

from crepe.hw.capabilities import (
    RecorderCapabilities,
    SampleIndex,
    StimulatorCapabilities,
    StopEvidence,
)


def test_what_is_not_stated_is_not_promised():
    recorder, stimulator = RecorderCapabilities(), StimulatorCapabilities()
    assert recorder.sample_index is SampleIndex.ESTIMATED
    assert (stimulator.stop, stimulator.stops_with_client) == (StopEvidence.ASKED, False)
    assert (stimulator.n_patterns, dict(stimulator.amplitude_steps)) == (1, {})
    for half in (recorder, stimulator):
        assert not half.verified
        assert half.not_verified
        assert half.latency.worst_ms == float("inf")


@pytest.mark.parametrize("evidence", StopEvidence)
def test_only_a_proof_is_verified_and_all_else_says_so_first(evidence):
    is_proof = evidence is StopEvidence.PROVED
    assert evidence.is_verified == is_proof
    assert evidence.sentence.startswith("NOT VERIFIED: ") != is_proof


@pytest.mark.parametrize("evidence", StopEvidence)
@pytest.mark.parametrize("stops_with_client", [False, True])
def test_only_a_train_that_dies_with_its_client_and_can_be_stopped_for_certain_is_given_whole(
    evidence, stops_with_client
):
    promises = StimulatorCapabilities(stop=evidence, stops_with_client=stops_with_client)
    is_whole = stops_with_client and evidence is StopEvidence.PROVED
    assert promises.longest_at_once_s(1.0, 5.0) == (5.0 if is_whole else 1.0)
