"""The texts of RHX, as they were observed with the real program."""

import pytest

from crepe.simulator.rhx.instrument import SimulatedController
from crepe.simulator.rhx.interpreter import Crash, Interpreter
from crepe.simulator.rhx.settings import Fault, RhxSimulatorSettings


class Machine:
    """A machine whose run is a word."""

    def __init__(self):
        self.run_mode = "Stop"

    def begin_run(self, mode):
        self.run_mode = mode

    def end_run(self):
        self.run_mode = "Stop"

    def status(self, output):
        return "Disconnected"

    def connect(self, output):
        pass

    disconnect = connect

    def proof(self, challenge):
        return ""

    def sample(self):
        return None if self.run_mode == "Stop" else 33_151


def make(controller="ControllerStimRecord"):
    settings = RhxSimulatorSettings(n_cells=1, controller=controller)
    return Interpreter(SimulatedController(settings, {"waveform": 5001, "spike": 5002}), Machine())


@pytest.fixture
def rhx():
    return make()


@pytest.mark.parametrize(
    ("sent", "text"),
    [
        ("GET Type", "Return: Type ControllerStimRecord"),
        ("get a-010.stimenabled", "Return: StimEnabled False"),
        ("get filename.path", "Return: Filename.Path "),
        ("get currenttimestamp", "Return: -1"),
        ("get stimstepsizemicroamps", "Return: StimStepSizeMicroAmps 0.5"),
        ("get sampleratehertz; get version;", "Return: SampleRateHertz 20000Return: Version 3.4.0"),
        (" ; ;", ""),
        ("dance", "Error - Command 1: Unrecognized command"),
        ("get type;dance", "Return: Type ControllerStimRecordError - Command 2: Unrecognized command"),
        ("get type\nget runmode", "Error - Command 1: Get commands require a parameter"),
        ("get", "Error - Command 1: Get commands require a parameter"),
        ("set a", "Error - Command 1: Set commands require a parameter and a value"),
        ("set a b c", "Error - Command 1: Set commands require a parameter and a value"),
        ("execute", "Error - Command 1: Execute commands require an action"),
        ("get nothing", "Unrecognized parameter"),
        ("set a-099.stimenabled true", "Unrecognized parameter"),
        ("execute dance", "Unrecognized action"),
        (
            "set a-010.stimenabled 1",
            "Invalid value for StimEnabled command. Acceptable: True;False",
        ),
        (
            "set a-010.firstphaseamplitudemicroamps 2551",
            "Invalid value for FirstPhaseAmplitudeMicroAmps command. Acceptable: [ 0 , 2550 ]",
        ),
        (
            "set a-010.shape square",
            "Invalid value for Shape command. Acceptable: "
            "Biphasic;BiphasicWithInterphaseDelay;Triphasic;",
        ),
        ("set runmode fly", "Invalid value for SetRunMode command"),
        (
            "set sampleratehertz 30000",
            "SampleRateHertz cannot be changed once software has started.",
        ),
        ("set runmode stop", "Board must be running in order to stop"),
        (
            "set runmode record",
            "Filename.BaseFilename and Filename.Path must both be specified before recording can "
            "occur",
        ),
        ("livenotes hello", "LiveNotes cannot be added unless the board is recording"),
        ("set note1 some words;get note1", "Return: Note1 some words"),
        ("execute uploadstimparameters z-000", ""),
        ("execute manualstimtriggerpulse f9", ""),
    ],
)  # fmt: skip
def test_texts_are_those_of_the_real_program(rhx, sent, text):
    assert rhx.handle(sent) == text


@pytest.mark.parametrize("unit", ["set", "set;", " SET ;"])
def test_the_word_set_alone_is_the_end_of_it(rhx, unit):
    with pytest.raises(Crash):
        rhx.handle(unit)


def test_what_is_locked_in_a_run_and_what_is_not(rhx):
    rhx.handle("set runmode run")
    assert rhx.handle("set note1 x") == "Note1 cannot be set while controller is running."
    assert rhx.handle("set runmode run") == "Board must be stopped in order to start running"
    assert rhx.handle("execute uploadstimparameters") == (
        "UploadStimParameters cannot be executed while the board is running"
    )
    # these are not guarded
    assert rhx.handle("set a-010.stimenabled true;execute uploadstimparameters a-010;") == ""


def test_what_follows_a_run_command_in_the_same_read_is_answered_after_the_run(rhx):
    assert rhx.handle("set runmode run;get type;") == ""
    assert rhx.handle("get runmode;") == "Return: RunMode Run"
    rhx.handle("set runmode stop;")
    assert rhx.after_run() == "Return: Type ControllerStimRecord"
    assert rhx.after_run() == ""


@pytest.mark.parametrize("value", ["nan", "128"])
def test_amplitudes_that_no_chip_has_are_accepted(rhx, value):
    sent = f"set a-010.firstphaseamplitudemicroamps {value};get a-010.firstphaseamplitudemicroamps"
    assert rhx.handle(sent) == f"Return: FirstPhaseAmplitudeMicroAmps {value}"


def test_a_port_that_is_no_number_becomes_0(rhx):
    sent = "set tcpwaveformdataoutputport abc;get tcpwaveformdataoutputport"
    assert rhx.handle(sent) == "Return: TCPWaveformDataOutputPort 0"


def test_the_step_can_be_set_by_any_client(rhx):
    assert rhx.handle("set stimstepsizemicroamps 10;get stimstepsizemicroamps").endswith(" 10")


def test_an_upload_that_goes_on_lets_it_say_run_all_the_same(rhx):
    rhx._controller.faults.add(Fault.UPLOAD_STUCK)
    rhx.handle("execute uploadstimparameters a-010")
    assert "Another upload cannot be started" in rhx.handle("execute uploadstimparameters a-011")
    assert rhx.handle("set runmode run").startswith("Error - To avoid data corruption")
    assert rhx.handle("get runmode") == "Return: RunMode Run"


def test_a_controller_that_only_records_refuses_sets_and_ignores_the_rest():
    rhd = make("ControllerRecordUSB3")
    refused = "StimEnabled cannot be set with a non-stim controller"
    assert rhd.handle("set a-010.stimenabled true") == refused
    assert rhd.handle("execute uploadstimparameters a-010") == ""
    assert rhd.handle("execute manualstimtriggerpulse f1") == ""
    assert rhd.handle("get a-010.tcpdataoutputenabledstim") == "Unrecognized parameter"
