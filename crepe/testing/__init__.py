"""The contracts of instruments as rules that any package can try on its own classes.

In a test of pytest:

    @pytest.mark.parametrize("rule", recorder_contract)
    def test_recorder(rule):
        rule(lambda: open_recorder("acme://bench"))

    @pytest.mark.parametrize("rule", stimulator_contract)
    def test_stimulator(rule):
        rule(AcmeBench())
"""

# Decision 75: what is stated and what is tried.

from crepe.testing.bench import Pulse, RecordingGuard, StimulatorBench
from crepe.testing.recorder import recorder_contract
from crepe.testing.rule import Rule
from crepe.testing.stimulator import stimulator_contract

__all__ = [
    "Pulse",
    "RecordingGuard",
    "Rule",
    "StimulatorBench",
    "recorder_contract",
    "stimulator_contract",
]
