"""Which refusals show that a machine is too slow, and what a person is told."""

import pytest

from crepe.messages import Stimulus
from crepe.safety.gate import Gate
from crepe.safety.limits import Limits
from crepe.safety.liveness import Liveness
from crepe.safety.too_slow import is_too_late, too_slow


class Late:
    """A clock as far on as the data, which are late."""

    clock, now, late_s, has_begun = 20_000, 20_000, 0.5, True


def liveness(**limits):
    return Liveness(
        Late(), 10_000.0, ["result:stimuli"], **{"stall_s": 0.2, "silence_s": 0.75} | limits
    )


def test_the_texts_of_gate_and_liveness_are_known_as_lateness():
    late, behind = liveness(), liveness()
    behind._reached["result:stimuli"] = 0
    gate = Gate(Limits(), Late(), 10_000.0, max_age_ms=200.0, sub_train_s=1.0, n_pulses=0)
    old = gate.too_old(Stimulus(0, 100, 1, 100, ("47",), ((-1.0, 200.0),), 20.0, 20))
    for reason in (
        late.missing(),
        behind.missing(),
        late.stalled(0.4),
        old,
    ):
        assert is_too_late(reason), reason


@pytest.mark.parametrize(
    "reason",
    ["", "not armed; `crepe arm`", "stopped by crepe stop at 2026; `crepe arm`", "a gap in the data",
     "electrode 47, phase 0: -20.0 uA x 200 us = -4.0 nC, limit 3.0 nC"],
)  # fmt: skip
def test_other_refusals_are_not(reason):
    assert not is_too_late(reason)


def test_a_person_is_told_the_reason_and_the_way_out():
    text = too_slow(12, 12, can_lockstep=True)
    assert text.startswith(
        "12 of 12 stimuli were too late, and were refused or stopped: this machine"
    )
    assert text.endswith("close other programs, or play with `crepe play --lockstep`")
    assert "--lockstep" not in too_slow(12, 12, can_lockstep=False)


@pytest.mark.parametrize(("n_late", "n"), [(0, 0), (0, 9), (1, 1), (2, 9)])
def test_a_few_late_stimuli_are_no_news(n_late, n):
    assert too_slow(n_late, n, can_lockstep=True) == ""


def test_two_late_stimuli_are_news_where_they_are_a_quarter():
    assert too_slow(2, 8, can_lockstep=True).startswith("2 of 8 stimuli were too late")
