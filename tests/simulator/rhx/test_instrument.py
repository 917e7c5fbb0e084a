"""The samples of the simulated controller: layout, artefacts, spikes."""

import struct

import numpy as np
import pytest

from crepe.simulator.rhx.instrument import SimulatedController
from crepe.simulator.rhx.settings import RhxSimulatorSettings

PORTS = {"waveform": 1, "spike": 2}


@pytest.fixture
def controller():
    return SimulatedController(RhxSimulatorSettings(n_cells=300, seed=3), PORTS)


def enable(controller, *names):
    for name in names:
        controller.parameters.values[f"{name}".lower()] = "True"


def test_words_come_in_the_order_of_channels_and_bands_whatever_was_enabled_first(controller):
    enable(
        controller,
        *("digital-in-03.tcpdataoutputenabled", "digital-in-01.tcpdataoutputenabled"),
        *("analog-in-2.tcpdataoutputenabled", "a-010.tcpdataoutputenabledstim"),
        *("a-010.tcpdataoutputenabled", "a-002.tcpdataoutputenableddc"),
        *("a-002.tcpdataoutputenabledhigh", "a-001.tcpdataoutputenabledspike"),
    )
    assert controller._outputs() == [
        ("A-002", "High"),
        ("A-002", "DC"),
        ("A-010", ""),
        ("A-010", "Stim"),
        ("ANALOG-IN-2", ""),
        ("DIGITAL-IN", ""),
    ]
    start, values, _ = controller.block()
    assert (start, values.shape) == (0, (6, 128))
    assert set(values[1]) == {460}
    assert set(values[3]) == {256}


def test_the_same_culture_gives_the_same_samples(controller):
    other = SimulatedController(RhxSimulatorSettings(n_cells=300, seed=3), PORTS)
    for each in (controller, other):
        enable(each, "a-000.tcpdataoutputenabled", "a-001.tcpdataoutputenabled")
    for _ in range(5):
        assert np.array_equal(controller.block()[1], other.block()[1])


def test_a_pulse_shows_as_artefact_and_in_the_stim_word_at_its_sample(controller):
    enable(controller, "a-011.tcpdataoutputenabled", "a-010.tcpdataoutputenabledstim")
    values = {
        **controller.parameters.of_channel("A-010"),
        "StimEnabled": "True",
        "Source": "KeyPressF1",
        "FirstPhaseAmplitudeMicroAmps": "10",
        "SecondPhaseAmplitudeMicroAmps": "10",
    }
    controller.hardware.upload("A-010", values, 0.5)
    quiet = controller.block()[1][1].astype(int) - 32768
    controller.hardware.key("f1", is_on=True, sample=controller.n_samples + 50)
    stim, wide = controller.block()[1]
    assert list(np.flatnonzero(stim != 256)) == [50, 51, 52, 53]
    assert np.abs(wide.astype(int) - 32768).max() > 10 * np.abs(quiet).max()
    (at_s, pulse), *others = controller.pulses
    assert (pulse.channel, pulse.sample, at_s) == ("A-010", 178, 178 / 20_000)
    assert others == []


def test_spikes_are_packets_of_14_bytes_in_order_of_time(controller):
    for channel in controller.amplifiers:
        enable(controller, f"{channel}.tcpdataoutputenabledspike")
        controller.parameters.values[f"{channel.lower()}.spikethresholdmicrovolts"] = "-15"
    data = b"".join(controller.block()[2] for _ in range(300))
    assert data
    assert len(data) % 14 == 0
    packets = [struct.unpack("<I5sIB", data[i : i + 14]) for i in range(0, len(data), 14)]
    assert {magic for magic, *_ in packets} == {0x3AE2710F}
    assert {name.decode() for _, name, *_ in packets} <= set(controller.amplifiers)
    times = [at for _, _, at, _ in packets]
    assert times == sorted(times)


def test_the_end_of_a_run_cuts_the_pulse_under_way_and_drops_the_rest(controller):
    values = {
        **controller.parameters.of_channel("A-010"),
        **{"StimEnabled": "True", "Source": "KeyPressF1", "PulseOrTrain": "PulseTrain"},
        **{"FirstPhaseAmplitudeMicroAmps": "10", "SecondPhaseAmplitudeMicroAmps": "10"},
    }
    controller.hardware.upload("A-010", values, 0.5)
    controller.begin(0.0)
    controller.hardware.key("f1", is_on=True, sample=100)
    controller.end(102 / 20_000)
    assert [pulse.phases for _, pulse in controller.pulses] == [((-10.0, 2),)]
    assert controller.hardware.until(100_000) == []
