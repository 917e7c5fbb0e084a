"""The reason that comes first is the one that is shown."""

import pytest

from crepe.dashboard.notice import notice
from crepe.messages import Delivered

ARMED = {"can_stimulate": True, "refusal": None, "is_stopped": False}
NOT_ARMED = ARMED | {"refusal": "not armed; `crepe arm`"}
STOPPED = {"can_stimulate": True, "refusal": "stopped by crepe stop", "is_stopped": True}
LOST = [{"program": "acquire", "problem": "no data from meame://h:8888 for 12 s"}]


@pytest.fixture
def late(session):
    """A session in which every stimulus came too late."""
    fed = session(experiment={"culture": {"simulated": {}}})
    for number in range(1, 5):
        reason = "310 ms old, limit 200 ms"
        fed.take("result:delivered", Delivered(number, number + 1, number, "refused", reason))
    return fed.session_view


@pytest.mark.parametrize(
    ("programs", "control", "text"),
    [
        (LOST, STOPPED, "acquire: no data from meame://h:8888 for 12 s"),
        ([], STOPPED, "nothing is stimulated: stopped by crepe stop"),
        ([{"program": "acquire", "problem": ""}], NOT_ARMED, "nothing is stimulated: not armed"),
        ([], ARMED, "4 of 4 stimuli were too late"),
    ],
)
def test_the_machine_is_blamed_only_if_neither_the_instrument_nor_the_arming_is_missing(
    late, programs, control, text
):
    assert notice(late, programs, control).startswith(text)


def test_a_stop_is_shown_at_once_and_a_missing_arming_with_the_first_refusal(session):
    view = session().session_view
    assert notice(view, [], NOT_ARMED) == notice(view, [], ARMED) == ""
    assert notice(view, [], STOPPED)
    assert notice(view, [], STOPPED | {"can_stimulate": False}) == ""


def test_lock_step_is_advised_only_to_an_experiment_that_simulates_its_culture(late, session):
    assert "--lockstep" in notice(late, [], ARMED)
    living = session(experiment={"culture": {"id": "C7"}})
    living.session_view.events = late.events
    assert "--lockstep" not in notice(living.session_view, [], ARMED)
