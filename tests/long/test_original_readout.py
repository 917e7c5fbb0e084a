"""The original's readout and its DSP words against the simulated culture, nothing in between.

The words are those that the original client sends, its slip on group 0's sideband included.
"""

import json
import time

import numpy as np
import pytest
import urllib3

from crepe.hw.meame import wire
from crepe.hw.meame.registers import Function, Register
from crepe.simulator.meame.instrument import SimulatedMeame
from crepe.simulator.meame.settings import SimulatorSettings

LISTENING = [0, 2, 3, 5, 7, 8, 50, 51, 54, 56, 57, 59]
DAC, SIDEBAND, SLIP = (32593, 1671343), (3211289, 655385), (32211289, 655385)
GROUPS = ((82, 310378496), (310378496, 82), (1346048, 0))
BLANKING = (311724626, 310378578)
MODES = (13382412, 204672195, 13068, 204668928)
ANSWERS = {10: "None", 20: "Rock", 30: "Scissor", 40: "Paper"}


def set_up_requests():
    """What the original client posts to set the DSP up: (path, body), 28 of them."""

    def call(function, *arguments):
        addresses, values = [a for a, _ in arguments], [v for _, v in arguments]
        return "/DSP/call", {"func": function, "argAddrs": addresses, "argVals": values}

    def write(address, *values):
        return "/DSP/write/", {"addresses": [address] * len(values), "values": list(values)}

    blanking = [(4268, BLANKING[0]), (4272, BLANKING[1])]
    for function in (5, 8, 2):
        yield call(function)
    for memory in range(6):
        pattern = DAC if memory % 2 == 0 else (SLIP if memory == 1 else SIDEBAND)
        yield write(37388 + 32 * memory, 0)
        yield write(40736 + 4 * memory, *pattern)
        if memory % 2:
            yield call(8)
    yield call(2)
    yield call(14, *blanking)
    yield call(15, *blanking)  # as sent; 4276 and 4280 would be right
    for group, (elec0, elec1) in enumerate(GROUPS):
        yield call(3, (4112, group), (4120, elec0), (4124, elec1))
    yield call(4, *zip((4284, 4288, 4292, 4296), MODES, strict=True))
    yield call(6)
    yield call(7)
    yield call(9, (4112, 0), (4116, 5000))


def original_set_up(meame):
    for path, body in set_up_requests():
        if path == "/DSP/call":
            meame.call(body["func"], list(zip(body["argAddrs"], body["argVals"], strict=True)))
        else:
            for address, value in zip(body["addresses"], body["values"], strict=True):
                meame.dsp.write(address, value)


def original_answer(second):
    """A boxcar of 100 over a second, the largest bin below 100 Hz, its mean over 12 electrodes."""
    peaks = []
    for channel in second[LISTENING]:
        padded = np.concatenate([channel, np.zeros(99)])
        smooth = np.convolve(padded, np.ones(100) / 100, mode="valid")
        peaks.append(np.abs(np.fft.rfft(smooth))[:100].argmax())
    mean_peak_hz = np.mean(peaks)
    return ANSWERS[min(ANSWERS, key=lambda hz: abs(hz - mean_peak_hz))], mean_peak_hz


def played(period, **settings):
    meame = SimulatedMeame(SimulatorSettings(**settings))
    meame.connect(10_000)
    original_set_up(meame)
    meame.advance(10_000)
    meame.call(10, [(4112, 0)])
    original_set_up(meame)
    meame.advance(1000)
    meame.call(9, [(4112, 0), (4116, period)])
    meame.advance(10_000)
    return [original_answer(meame.advance(10_000)) for _ in range(3)]


PERIODS = {
    "None": (5000, 10.0),
    "Rock": (2500, 20.0),
    "Scissor": (1650, 30.3),
    "Paper": (1250, 40.0),
}


@pytest.mark.parametrize("gesture", PERIODS)
def test_the_original_readout_decodes_most_of_what_the_original_client_stimulates(gesture):
    """From the field of cells alone; what the network does by itself hides it in some seconds."""
    period, hz = PERIODS[gesture]
    seconds = [second for seed in (0, 1, 2) for second in played(period, seed=seed)]
    assert sum(answer == gesture for answer, _ in seconds) >= 7  # of 9
    assert sum(abs(mean_hz - hz) < 5 for _, mean_hz in seconds) >= 7


def test_a_silenced_culture_gives_the_original_readout_nothing_to_follow():
    """Artefact and blanking stay."""
    answers = [
        (gesture, answer)
        for gesture, (period, _) in PERIODS.items()
        for answer, _ in played(period, silenced=True)
    ]
    assert len({answer for _, answer in answers}) == 1


def test_the_original_words_are_what_they_were_said_to_be():
    assert [wire.MCS_60_LABELS[i] for i in wire.from_bitmap(GROUPS[0])] == [
        "48", "38", "28", "78", "68", "58",
    ]  # fmt: skip
    assert [wire.MCS_60_LABELS[i] for i in wire.from_bitmap(GROUPS[1])] == [
        "21", "31", "41", "51", "61", "71",
    ]  # fmt: skip
    assert [wire.MCS_60_LABELS[i] for i in wire.from_bitmap(GROUPS[2])] == [
        "17", "16", "14", "13", "12",
    ]  # fmt: skip
    every = {i for group in GROUPS for i in wire.from_bitmap(group)}
    assert set(wire.from_bitmap(BLANKING)) == every
    modes = wire.from_pairs(MODES)
    assert {i for i, mode in enumerate(modes) if mode == wire.MODE_AUTO} == every


def test_the_original_pulse_reaches_the_bottom_row_as_shipped():
    meame = SimulatedMeame(SimulatorSettings())
    original_set_up(meame)
    meame.call(10, [(4112, 0)])
    (shot,) = meame.dsp.advance(5500)
    kohm = meame.settings.impedance_kohm
    assert [(round(ua * kohm, 1), us) for ua, us in shot.phases] == [(-99.9, 20), (99.9, 520)]
    assert len(shot.electrodes) == 6
    assert meame.dsp.read(Register.SHOTS_FIRED) == 1
    meame.call(Function.WRITE_QUEUE_DEBUG, [])
    assert meame.dsp.read(Register.STIM_REQ) == 1


def test_the_sixty_requests_of_the_original_client_make_the_bottom_row_pulse(simulator):
    set_up = [*(("POST", *each) for each in set_up_requests()), ("GET", "/DAQ/start/", None)]
    enable = ("POST", "/DSP/call", {"func": 10, "argAddrs": [4112], "argVals": [0]})
    requests = [("GET", "/DSP/flash/", None), *set_up, enable, *set_up]
    assert len(requests) == 60
    with urllib3.PoolManager(retries=False) as pool:

        def ask(verb, path, body=None):
            url = f"http://127.0.0.1:{simulator.http_port}{path}"
            return pool.request(verb, url, body=None if body is None else json.dumps(body))

        for verb, path, body in requests:
            answer = ask(verb, path, body)
            assert (answer.status, answer.data) == (200, b""), path
        deadline = time.monotonic() + 20
        while len(pulses := ask("GET", "/simulator/pulses").json()["pulses"]) < 5:
            assert time.monotonic() < deadline
        ticks = [tick for tick, *_ in pulses[1:]]
        assert set(np.diff(ticks)) == {5000}
        assert set(pulses[-1][1:]) == set(wire.from_bitmap(GROUPS[0]))


def test_pulses_are_seen_when_they_were_however_far_the_dsp_has_run_ahead_of_the_samples():
    """The DSP's clock is real; on a machine that is late the samples are behind it."""
    near, blanked = 0, 1  # labels 47, which is not blanked, and 48, which is
    pulses_ms, n_held = [], []
    for is_late in (False, True):
        meame = SimulatedMeame(SimulatorSettings(seed=1))
        original_set_up(meame)
        meame.call(10, [(4112, 0)])
        if is_late:
            meame.dsp.run_until(meame.dsp.now + 30_000)  # 0.6 s
        voltage_uv = meame.advance(6000) * meame.settings.scale_uv
        above = np.flatnonzero(np.abs(voltage_uv[near]) > 500)
        pulses_ms.append(above[np.insert(np.diff(above) > 100, 0, True)] / 10)
        n_held.append(np.count_nonzero(np.abs(np.diff(voltage_uv[blanked])) < 0.1))
    assert len(pulses_ms[0]) == len(pulses_ms[1]) == 5
    np.testing.assert_allclose(*pulses_ms, atol=3)
    assert n_held[1] < 1.5 * n_held[0]
