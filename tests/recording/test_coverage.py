"""Durations and rates are of data: a gap is no time in which nothing fired."""

from crepe.recording.coverage import Coverage

PAUSED = Coverage(1700, [(100, 300), (1000, 1500)], 100.0)


def test_gaps_are_no_data():
    assert (PAUSED.n_missing, PAUSED.n_covered) == (700, 1000)
    assert (PAUSED.covered_s, PAUSED.missing_s) == (10.0, 7.0)
    assert PAUSED.rate_hz(20) == 2.0
    assert PAUSED.gaps_text == "2 gaps of 7.00 s"


def test_nothing_recorded_has_no_rate():
    assert Coverage().covered_s == Coverage().rate_hz(3) == 0.0
    assert Coverage(100, [(0, 100)], 10.0).rate_hz(3) == 0.0
    assert Coverage(100, (), 10.0).gaps_text == "no gaps"


def test_a_number_of_seconds_of_data_ends_at_a_sample():
    assert [PAUSED.sample_at(s) for s in (0.5, 1.0, 1.01, 8.0, 9.0, 99.0)] == [
        50, 100, 301, 1000, 1600, 1700,
    ]  # fmt: skip
    assert PAUSED.until(200) == Coverage(200, [(100, 200)], 100.0)


def test_a_stream_that_grows_piece_by_piece_has_the_same_gaps():
    grown = Coverage(0, (), 100.0)
    for stop, gaps in ((200, [(100, 200)]), (900, [(200, 300)]), (1700, [(1000, 1500)])):
        grown = grown.extended(stop, gaps)
    assert grown == PAUSED
