"""The instrument of a session: what is lost, and what came back."""

from crepe.errors import DeviceError
from crepe.hw.session_instrument import SessionInstrument
from crepe.messages import StreamInfo

INFO = StreamInfo(labels=("a",), source="fake")


def test_a_simulator_with_another_name_disarms_and_the_same_one_does_not():
    disarmed = []
    instrument = SessionInstrument(INFO, "one", lambda: disarmed.append(True))
    instrument.lose(DeviceError("closed"), 300, "tried again")
    assert instrument.problem.endswith("sample 300: closed; tried again")
    instrument.come_back(INFO, "one", 300)
    assert (disarmed, instrument.problem) == ([], "")
    instrument.come_back(INFO, "two", 400)
    assert disarmed == [True]
    assert "another instrument than before sample 400" in instrument.problem
