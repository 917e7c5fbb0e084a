"""What became of stimuli, and how late they were."""

from crepe.messages import Delivered, Stimulus
from crepe.report.timing import stimuli, timing


def parts(session):
    return session.all_of(Stimulus), session.all_of(Delivered)


def test_the_last_word_on_each_train_counts(by_hand):
    requests, answers = parts(by_hand)
    intended = Delivered(1000, 1001, 1, "intended")
    result = stimuli(requests, [intended, *answers])
    assert result.n_asked == 3
    assert result.states == {"delivered": 2, "refused": 1}
    assert result.n_delivered_pulses == 4
    assert result.reasons == {"110 ms old, limit 100 ms": 1}


def test_a_train_without_an_answer_is_counted(by_hand):
    requests, _ = parts(by_hand)
    assert stimuli(requests, []).states == {"unanswered": 3}


def test_no_stimulus_is_none():
    assert stimuli([], []) is None


def test_gaps_and_age_are_told_and_latency_is_not_without_a_clock(by_hand):
    result = timing(by_hand, parts(by_hand)[1])
    assert result.gaps == {"data:spikes": [(7000, 8000)]}
    assert (result.age_ms.n, result.age_ms.p50, result.age_ms.max) == (2, 51.0, 51.0)
    assert result.latency_ms is None


def test_latency_is_from_the_arrival_of_the_segment_at_whose_end_pulses_began(by_hand):
    answer = Delivered(
        1099, 1100, 1, "delivered", "", 1050, 51.0, 5_003_500_000, acquired_ns=5_000_000_000
    )
    refused = Delivered(1199, 1200, 2, "refused", "too old")
    result = timing(by_hand, [answer, refused]).latency_ms
    assert (result.n, result.p50) == (1, 3.5)
