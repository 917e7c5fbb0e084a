"""The wire as MEAME speaks it: words and blocks that were sent to a real one."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from crepe.electrodes.layouts import MCS_60_LABELS
from crepe.hw.meame import wire
from crepe.simulator.meame.patterns import unroll


@given(st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_a_block_survives_the_wire(n_samples, seed):
    samples = np.random.default_rng(seed).integers(-(2**31), 2**31, (60, n_samples), np.int32)
    data = wire.pack_block(samples)
    assert len(data) == wire.block_bytes(n_samples) == 240 * n_samples
    assert (wire.unpack_block(data, n_samples) == samples).all()


def test_a_block_is_little_endian_and_channel_after_channel():
    samples = np.zeros((60, 2), np.int32)
    samples[1, 0] = 0x01020304
    assert wire.pack_block(samples)[8:12] == bytes([4, 3, 2, 1])
    assert (wire.unpack_block(wire.pack_block(samples), 2) == samples).all()


def test_the_code_of_each_electrode_is_read_from_its_two_bits():
    codes = wire.from_pairs((0b11, 0b10_00, 0, 1 << 28))
    assert {i: code for i, code in enumerate(codes) if code} == {0: 3, 16: 2, 59: 1}
    assert len(codes) == 60


def test_a_block_of_another_length_is_refused():
    with pytest.raises(ValueError, match="reshape"):
        wire.unpack_block(bytes(wire.block_bytes(100) - 240), 100)


@pytest.mark.parametrize(
    ("masks", "labels"),
    [
        ((82, 310378496), "48 38 28 78 68 58"),
        ((310378496, 82), "21 31 41 51 61 71"),
        ((1346048, 0), "17 16 14 13 12"),
    ],
)
def test_bitmaps_name_the_electrodes_of_the_shipped_groups(masks, labels):
    assert [MCS_60_LABELS[i] for i in wire.from_bitmap(masks)] == labels.split()
    assert wire.bitmap(labels.split()) == masks


def test_the_shipped_mode_words_put_the_seventeen_electrodes_in_auto():
    seventeen = wire.from_bitmap((311724626, 310378578))
    assert len(seventeen) == 17
    assert wire.pairs(seventeen, wire.MODE_AUTO) == (13382412, 204672195, 13068, 204668928)


@pytest.mark.parametrize("index", range(60))
def test_each_electrode_has_its_own_bit(index):
    masks = (1 << index, 0) if index < 30 else (0, 1 << index - 30)
    assert wire.bitmap([MCS_60_LABELS[index]]) == masks
    assert wire.from_bitmap(masks) == (index,)


@given(st.sets(st.integers(0, 59)), st.integers(1, 3))
def test_pairs_give_back_what_they_were_made_of(indices, code):
    codes = wire.from_pairs(wire.pairs(indices, code))
    assert codes == tuple(code if i in indices else 0 for i in range(60))


@pytest.mark.parametrize(
    ("word", "value", "ticks"),
    [
        (32593, 0x8000 - 175, 1),
        (1671343, 0x8000 + 175, 26),
        (3211289, 0x19, 50),
        (655385, 0x19, 11),
        (32211289, 0x8159, 492),
    ],
)
def test_the_shipped_pattern_words_play_as_the_firmware_plays_them(word, value, ticks):
    assert list(unroll([word])) == [(value, ticks)]
    assert wire.vector(value, ticks) == word
    assert wire.ticks(word) == ticks


def test_the_long_time_base_is_a_thousand_ticks():
    word = 1 << 26 | 2 << 16 | 7
    assert list(unroll([word])) == [(7, 3000)]
    assert wire.ticks(word) == 3000


@pytest.mark.parametrize(
    ("value", "ticks"), [(0, 0), (0, 1025), (-1, 1), (0x10000, 1)], ids=lambda number: f"{number}"
)
def test_what_a_pattern_word_cannot_hold_is_refused(value, ticks):
    with pytest.raises(ValueError, match="a?n? pattern word holds"):
        wire.vector(value, ticks)


def test_a_pattern_word_holds_up_to_its_limits():
    assert wire.vector(0xFFFF, 1024) == 0x03FF_FFFF
    assert wire.vector(0, 1) == 0


@pytest.mark.parametrize("ticks", [0, 1, 999, 1000, 1001, 1024, 1025, 1_024_000, 4_999_739])
def test_a_value_is_held_for_any_number_of_ticks(ticks):
    words = wire.hold(7, ticks)
    assert sum(n for _, n in unroll(words)) == ticks
    assert {value for value, _ in unroll(words)} <= {7}
    assert len(words) == -(-(ticks // 1000) // 1024) + (ticks % 1000 > 0)


def test_a_loop_plays_its_vectors_as_often_as_it_says_and_an_end_ends():
    loop_twice = 1 << 28 | 2 << 16 | 2
    pattern = [wire.vector(1, 1), wire.vector(2, 1), loop_twice, 7 << 28, wire.vector(3, 1)]
    assert [value for value, _ in unroll(pattern)] == [1, 2, 1, 2]


phases = st.lists(
    st.tuples(
        st.integers(-30_000, 30_000).map(lambda digits: digits * 0.05),
        st.integers(1, 250).map(lambda ticks: ticks * 20.0),
    ),
    min_size=1,
    max_size=4,
)


@given(phases, st.integers(1, 30), st.floats(0.5, 20))
def test_a_compiled_train_plays_each_pulse_in_its_time_and_has_no_loop(train_phases, n, rate_hz):
    width_ms = sum(us for _, us in train_phases) / 1000
    assume(n == 1 or width_ms + 5 < 1000 / rate_hz)
    dac, sideband = wire.compile_train(train_phases, "uA", rate_hz, n)
    assert not any(word >> 28 for word in (*dac, *sideband))
    values = np.concatenate([np.full(t, v) for v, t in unroll(dac)]) - wire.ZERO_DIGIT
    switch = np.concatenate([np.full(t, v) for v, t in unroll(sideband)])
    once = np.concatenate([np.full(round(us / 20), round(ua / 0.05)) for ua, us in train_phases])
    period = wire.period_ticks(rate_hz)
    for i in range(n):
        assert np.array_equal(values[i * period : i * period + len(once)], once)
    values[np.add.outer(np.arange(n) * period, np.arange(len(once)))] = 0
    assert not values.any()
    closed = np.flatnonzero(switch & 0x18)
    assert len(closed) == n * (len(once) + 1)


def test_a_pulse_is_the_words_that_a_real_dsp_was_sent():
    """The shipped pulse of 100 mV, with the words of a period of 30.303 Hz."""
    pulse = [(-100_000.0, 20.0), (100_000.0, 520.0)]
    dac, sideband = wire.compile_train(pulse, "uV", 30.303, 2)
    shipped = [32593, 1671343, 0x8000]
    assert dac == [*shipped, 1 << 26 | 0x8000, 621 << 16 | 0x8000, *shipped]
    closed, protected = 27 << 16 | 0x19, 199 << 16 | 0x01
    assert sideband == [closed, protected, 1 << 26, 421 << 16, closed, protected]


def test_a_period_leaves_room_for_the_pulse_and_four_milliseconds_of_blanking():
    fits, too_long = 500 - 1 - 200, 500 - 1 - 200 + 1
    _, sideband = wire.compile_train([(-1.0, fits * 20.0)], "uA", 100.0, 2)
    assert sum(map(wire.ticks, sideband)) == 500 + fits + 1 + 200
    with pytest.raises(ValueError, match="pulse and blanking take 10.02 ms, the period is 10 ms"):
        wire.compile_train([(-1.0, too_long * 20.0)], "uA", 100.0, 2)
    wire.compile_train([(-1.0, too_long * 20.0)], "uA", 100.0, 1)  # none follows


@pytest.mark.parametrize(
    ("phase", "unit", "word"),
    [
        ((-1500.0, 20.0), "uA", 0x8000 - 30_000),
        ((1500.0, 20_480.0), "uA", 1023 << 16 | 0x8000 + 30_000),
        ((12_000_000.0, 40.0), "uV", 1 << 16 | 0x8000 + 21_016),
        ((-0.05, 20.0), "uA", 0x7FFF),
    ],
)
def test_the_dac_gives_all_up_to_its_limits(phase, unit, word):
    assert wire.compile_train([phase], unit, 1.0, 1)[0][0] == word


def test_a_pulse_may_be_longer_than_a_pattern_word():
    dac, sideband = wire.compile_train([(-1.0, 20_480.0), (1.0, 20_480.0)], "uA", 1.0, 1)
    assert list(map(wire.ticks, dac)) == [1024, 1024, 1]
    *closed, protected = unroll(sideband)
    assert {value for value, _ in closed} == {wire.SIDEBAND_STIMULATE}
    assert sum(ticks for _, ticks in closed) == 2 * 1024 + 1
    assert protected == (wire.SIDEBAND_BLANK, 200)


@pytest.mark.parametrize(
    ("unit", "n_pulses", "reason"),
    [("mV", 1, "unit 'mV', must be uA or uV"), ("uA", 0, "0 pulses, must be at least 1")],
)
def test_an_unknown_unit_and_a_train_without_pulses_are_refused(unit, n_pulses, reason):
    with pytest.raises(ValueError, match=reason):
        wire.compile_train([(-1.0, 20.0)], unit, 1.0, n_pulses)


def test_a_voltage_beyond_the_dac_is_refused():
    with pytest.raises(ValueError, match=r"phase 0: 1.2e\+07 uV, limit 1.2e\+07 uV"):
        wire.compile_train([(12_000_000.5, 20.0)], "uV", 1.0, 1)


def test_a_voltage_pulse_takes_the_nearest_digits():
    (word, *_), _ = wire.compile_train([(-100_000.0, 200.0)], "uV", 1.0, 1)
    assert (word & 0xFFFF) - wire.ZERO_DIGIT == -175  # -99.9 mV


@given(phases)
def test_a_compiled_pulse_plays_the_phases_that_were_asked_for(train_phases):
    dac, sideband = wire.compile_train(train_phases, "uA", 1.0, 1)
    played = [((v - wire.ZERO_DIGIT) * wire.UA_PER_DIGIT, t * 20.0) for v, t in unroll(dac)]
    assert played == [*(pytest.approx(phase) for phase in train_phases), (0.0, 20.0)]
    *closed, protected = unroll(sideband)
    assert {value for value, _ in closed} == {0x19}
    closed_us = sum(ticks for _, ticks in closed) * 20.0
    assert closed_us > sum(us for _, us in train_phases)  # the switch opens after the pulse
    assert protected[0] & 1


@pytest.mark.parametrize(
    ("phase", "says"),
    [
        ((-10.0, 30.0), "multiple of 20 us"),
        ((-10.0, 0.0), "multiple of 20 us"),
        ((-10.0, 20_500.0), "up to 20480 us"),
        ((-10.0, float("inf")), "up to 20480 us"),
        ((-10.01, 200.0), "multiple of 0.05 uA"),
        ((-1600.0, 200.0), "-1600 uA, limit 1500 uA"),
        ((float("nan"), 200.0), "nan uA, limit 1500 uA"),
    ],
)
def test_what_the_dac_cannot_give_is_refused(phase, says):
    with pytest.raises(ValueError, match=says):
        wire.compile_train([phase], "uA", 1.0, 1)


@pytest.mark.parametrize(
    ("rate_hz", "ticks"),
    [(10, 5000), (20, 2500), (30.303, 1650), (40, 1250), (100, 500), (0.01, 5_000_000)],
)
def test_the_rates_of_the_game_and_the_limits_have_their_periods(rate_hz, ticks):
    assert wire.period_ticks(rate_hz) == ticks


@pytest.mark.parametrize("rate_hz", [0.0, -1.0, 1e-300, 0.0099, 100.1, float("inf"), float("nan")])
def test_rates_outside_the_range_are_refused(rate_hz):
    with pytest.raises(ValueError, match=r"Hz, the DSP is driven with 0.01 to 100$"):
        wire.period_ticks(rate_hz)


def test_the_sawtooth_rises_by_its_slope_and_wraps():
    values = wire.sawtooth(0, 2000)
    assert values[0, :3].tolist() == [-400, -399, -398]
    assert values[0, 799:801].tolist() == [399, -400]
    assert values[[19, 20, 39, 40, 59], 0].tolist() == [-400, -800, -800, -1200, -1200]
    assert values[21, :2].tolist() == [-800, -798]
    assert not values[14].any()


@given(st.integers(0, 10_000), st.integers(0, 50), st.integers(0, 50))
def test_the_sawtooth_does_not_depend_on_where_it_is_cut(start, a, b):
    parts = [wire.sawtooth(start, start + a), wire.sawtooth(start + a, start + a + b)]
    assert (np.concatenate(parts, axis=1) == wire.sawtooth(start, start + a + b)).all()
