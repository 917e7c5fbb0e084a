"""The state of a session: which streams it uses, and what its events are."""

import pytest

from crepe.dashboard.session_view import SessionView
from crepe.dashboard.views.array import ArrayView
from crepe.dashboard.views.view import SessionStatus
from crepe.messages import ChannelStates, Command, Delivered, GameState, Stimulus


def test_the_true_spikes_of_a_simulated_culture_are_not_shown(session):
    assert "data:truth" not in session().session_view.infos
    assert session().session_view.spikes_stream == "data:spikes"


def test_a_train_is_followed_from_its_request_to_its_end_and_a_refusal_has_its_reason(session):
    fed = session()
    train = (("48",), ((-10.0, 200.0), (10.0, 200.0)), 20.0, 20)
    fed.take("result:stimuli", Stimulus(0, 100, 1, 600, *train, "rock"))
    fed.take("result:delivered", Delivered(100, 200, 1, "delivered", fired=600, age_ms=50.0))
    fed.take("result:stimuli", Stimulus(200, 300, 2, 900, *train, "rock"))
    fed.take("result:delivered", Delivered(300, 400, 2, "refused", "not armed"))
    fed.take("result:delivered", Delivered(599, 600, 3, "intended"))  # its stream was read first
    fed.take("result:stimuli", Stimulus(500, 590, 3, 1100, *train, "rock"))
    fed.take("result:stimuli", Stimulus(590, 600, 4, 1500, *train, "rock"))
    found = fed.session_view.events.as_json()
    assert [one["state"] for one in found["stimuli"]] == ["delivered", "refused", "intended", ""]
    assert (found["n_delivered"], found["n_refused"]) == (1, 1)
    fed.take("result:delivered", Delivered(600, 700, 3, "stopped", "no data for 250 ms"))
    fed.take("result:delivered", Delivered(700, 800, 4, "unknown"))
    found = fed.session_view.events.as_json()
    assert (found["n_delivered"], found["n_stopped"], found["n_refused"]) == (1, 1, 1)
    assert found["n_unknown"] == 1
    assert found["refusals"][0]["reason"] == "not armed"
    assert fed.session_view.fired.as_json()["p50_ms"] == 50.0


def test_trials_are_kept_by_condition_and_commands_without_the_sensors_frames(session):
    fed = session()
    for trial, condition, outcome in ((1, "", "won"), (2, "sham", None)):
        at = trial * 100
        said = {"gesture": "rock", "outcome": outcome, "condition": condition}
        fed.take("result:game", GameState(at, at + 10, trial, "outcome", **said))
    fed.take("result:control", Command(5, 6, "note", "hello"), Command(6, 7, "frame", "none"))
    found = fed.session_view.events.as_json()
    assert found["by_condition"] == {"": {"won": 1}, "sham": {"none": 1}}
    assert [one["value"] for one in found["said"]] == ["hello"]


def test_a_command_that_the_game_publishes_again_is_listed_once(session):
    fed = session()
    for name in ("pause", "start", "pause"):
        fed.take("result:commands", Command(5, 6, name, "", "page"))
        fed.take("result:control", Command(7, 8, name, "", "page"))
    said = [one["name"] for one in fed.session_view.events.as_json()["said"]]
    assert said == ["pause", "start", "pause"]


def test_a_trial_whose_pulses_were_refused_is_no_answer(session):
    fed = session()
    refused = Delivered(50, 60, 1, "refused", "not armed")
    outcome = {"gesture": "rock", "outcome": "won", "condition": "stimulation"}
    fed.take("result:delivered", refused, Delivered(60, 70, 3, "delivered"))
    for trial in (1, 2, 3):
        at, score = trial * 100, {"won": trial}
        fed.take("result:game", GameState(at, at + 1, trial, "outcome", score=score, **outcome))
    fed.take("result:delivered", Delivered(400, 410, 2, "stopped"))  # read after the trial's end
    found = fed.session_view.events.as_json()
    assert found["by_condition"] == {"stimulation": {"won": 1, "without pulses": 2}}
    assert found["game"]["score"] == {"won": 1, "without pulses": 2}


def test_a_refusal_is_kept_with_its_sender_and_is_no_gesture_unless_it_was_one(session):
    fed = session()
    said = {"outcome": "condition 'x': the plan decides", "shown_by": "page"}
    fed.take("result:game", GameState(0, 10, 1, "refused", **said))
    found = fed.session_view.events.as_json()
    assert found["said"] == [
        {"name": "refused", "value": said["outcome"], "sender": "page", "at": 10}
    ]
    assert found["refused_gesture"] is None
    fed.take("result:game", GameState(10, 20, 1, "refused", gesture="rok", **said))
    assert fed.session_view.events.as_json()["refused_gesture"]["shown_by"] == "page"


def test_the_stream_that_is_shown_is_the_one_whose_spikes_are_detected(session):
    detect = {"run": "crepe.actors.detect:Detect", "reads": ["data"], "threshold_sd": 4.0}
    fed = session(experiment={"actors": {"detect": detect}})
    assert fed.session_view.default_traces == "data"
    assert fed.session_view.thresholds_sd("data") == (-4.0,)
    assert fed.session_view.thresholds_sd("data:filtered") == ()


def test_thresholds_are_on_the_side_of_the_detectors_polarity(session):
    for polarity, thresholds_sd in (("positive", (5.0,)), ("both", (-5.0, 5.0))):
        detect = {"run": "crepe.actors.detect:Detect", "reads": ["data"], "polarity": polarity}
        view = session(experiment={"actors": {"detect": detect}}).session_view
        assert view.thresholds_sd("data") == thresholds_sd


def test_a_machine_that_is_too_slow_is_named_as_the_reason(session):
    fed = session()
    for number, reason in enumerate(["310 ms old, limit 200 ms"] * 3 + ["not armed"]):
        fed.take("result:delivered", Delivered(number, number + 1, number, "refused", reason))
    assert fed.session_view.too_slow.startswith("3 of 4 stimuli were too late")


def test_the_array_shows_which_channels_are_not_ok(session):
    view = session().session_view
    assert ArrayView().slow_state(view, SessionStatus(None, None)) == {"channel_states": []}
    view.newest["ChannelStates"] = ChannelStates(0, 100, ("ok", "saturated"))
    shown = ArrayView().slow_state(view, SessionStatus(None, None))
    assert shown == {"channel_states": [None, "saturated"]}


@pytest.mark.parametrize(
    ("tables", "title"),
    [
        ({"title": "Plate 7", "name": "g0"}, "Plate 7 (g0)"),
        ({"title": "Plate 7", "name": "crepe"}, "Plate 7"),
        ({"name": "g0"}, "(g0)"),
        ({}, ""),
    ],
)
def test_the_title_tells_wells_of_one_experiment_apart(tables, title):
    assert SessionView("s", tables).about()["title"] == title
