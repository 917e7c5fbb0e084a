"""The registers of the simulated controller: what RHX does not guard has its consequence."""

import pytest

from crepe.simulator.rhx.instrument import SimulatedController
from crepe.simulator.rhx.settings import RhxSimulatorSettings
from crepe.simulator.rhx.stimulation import Pulse, StimHardware, stim_words

SETTINGS = RhxSimulatorSettings(n_cells=1)
DEFAULTS = SimulatedController(SETTINGS, {"waveform": 1, "spike": 2}).parameters.of_channel("A-010")
TRAIN = {
    "StimEnabled": "True",
    "Source": "KeyPressF1",
    "PulseOrTrain": "PulseTrain",
    "NumberOfStimPulses": "3",
    "FirstPhaseAmplitudeMicroAmps": "10",
    "SecondPhaseAmplitudeMicroAmps": "10",
}


@pytest.fixture
def hardware():
    return StimHardware(20_000.0)


def pulses(hardware, changes=(), *, step_ua=0.5, key="f1"):
    hardware.upload("A-010", {**DEFAULTS, **TRAIN, **dict(changes)}, step_ua)
    hardware.key(key, is_on=True, sample=0)
    hardware.key(key, is_on=False, sample=0)
    return hardware.until(100_000)


def test_a_trigger_plays_the_train_once(hardware):
    assert [it.sample for it in pulses(hardware)] == [0, 200, 400]
    assert hardware.until(200_000) == []


def test_a_current_above_255_steps_leaves_its_phase_at_0_and_the_other_on(hardware):
    (first, *_) = pulses(hardware, {"FirstPhaseAmplitudeMicroAmps": "128"})
    assert first.phases == ((0.0, 2), (10.0, 2))


def test_a_current_that_is_no_number_leaves_its_phase_at_0(hardware):
    (first, *_) = pulses(hardware, {"FirstPhaseAmplitudeMicroAmps": "nan"})
    assert first.phases[0][0] == 0.0


def test_a_count_of_0_keeps_the_shape_and_the_count_before(hardware):
    pulses(hardware)
    changes = {"NumberOfStimPulses": "0", "FirstPhaseAmplitudeMicroAmps": "50"}
    hardware.begin()
    assert [it.phases for it in pulses(hardware, changes)] == [((-10.0, 2), (10.0, 2))] * 3


def test_durations_are_rounded_to_samples_so_that_20_us_are_none(hardware):
    changes = {"FirstPhaseDurationMicroseconds": "75", "SecondPhaseDurationMicroseconds": "20"}
    assert pulses(hardware, changes)[0].phases == ((-10.0, 2), (10.0, 0))


def test_another_step_makes_another_current(hardware):
    assert pulses(hardware, step_ua=0.3)[0].phases[0][0] == pytest.approx(-9.9)


def test_set_without_upload_changes_nothing_and_another_key_fires_nothing(hardware):
    hardware.key("f1", is_on=True, sample=0)
    assert hardware.until(1000) == []
    assert pulses(hardware, key="f2") == []


def test_a_trigger_in_a_train_does_nothing(hardware):
    hardware.upload("A-010", {**DEFAULTS, **TRAIN}, 0.5)
    for sample in (0, 100):
        hardware.key("f1", is_on=True, sample=sample)
        hardware.key("f1", is_on=False, sample=sample)
    assert len(hardware.until(100_000)) == 3


def test_a_key_left_on_swallows_the_next_pulse_and_a_level_goes_on_and_on(hardware):
    hardware.upload("A-010", {**DEFAULTS, **TRAIN}, 0.5)
    hardware.key("f1", is_on=True, sample=0)
    hardware.until(10_000)
    hardware.key("f1", is_on=True, sample=10_000)
    assert hardware.until(20_000) == []
    hardware.upload("A-010", {**DEFAULTS, **TRAIN, "TriggerEdgeOrLevel": "Level"}, 0.5)
    assert hardware.until(30_000) == []
    assert len(hardware.until(40_000)) == 3
    hardware.end()
    hardware.begin()  # into the next run
    hardware.until(10_000)
    assert len(hardware.until(20_000)) == 3


def test_triggers_while_nothing_runs_are_logged_only(hardware):
    hardware.upload("A-010", {**DEFAULTS, **TRAIN}, 0.5)
    hardware.key("f1", is_on=True, sample=None)
    assert hardware.log[-1] == "trigger f1 on"
    assert hardware.until(1000) == []


def test_stim_words_have_the_steps_while_current_flows():
    pulse = Pulse(2, "A-010", ((-10.0, 2), (10.0, 2)))
    words = stim_words([pulse], "A-010", 0, 8, 0.5)
    assert words == [256, 256, 256 + 20, 256 + 20, 20, 20, 256, 256]
    assert stim_words([pulse], "A-011", 0, 8, 0.5) == [256] * 8


def test_a_pulse_that_is_cut_ends_at_the_sample():
    pulse = Pulse(10, "A-010", ((-10.0, 4), (10.0, 4)))
    assert pulse.before(12).phases == ((-10.0, 2),)
    assert pulse.before(16).phases == ((-10.0, 4), (10.0, 2))
    assert pulse.stop == 18
