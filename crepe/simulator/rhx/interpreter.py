"""RHX's command language as a server has it: what one read returns goes in, text comes out."""

from collections.abc import Mapping
from typing import Protocol

from crepe.simulator.rhx.instrument import SimulatedController
from crepe.simulator.rhx.parameters import Kind
from crepe.simulator.rhx.settings import Fault

RUN_MODES = {"run": "running", "record": "recording", "trigger": "trigger"}
_OUTPUTS = ("waveform", "spike")
_UPLOADS_WHILE_STOPPED = "cannot be executed while the board is running"


class Crash(Exception):
    """RHX ends: a read held only the word `set`."""


class Machine(Protocol):
    """The run and the data ports, on which commands act."""

    @property
    def run_mode(self) -> str:
        """Stop, Run, Record or Trigger, as RHX reports it."""

    def begin_run(self, mode: str) -> None:
        """Start to run."""

    def end_run(self) -> None:
        """Have the run end; the hardware may take longer."""

    def status(self, output: str) -> str:
        """Return Disconnected, Pending or Connected."""

    def connect(self, output: str) -> None:
        """Open a data port for one client."""

    def disconnect(self, output: str) -> None:
        """Drop a data client, whose connection stays open."""

    def proof(self, challenge: str) -> str:
        """Return what only CREPE's own simulator can answer."""

    def sample(self) -> int | None:
        """Return the present sample of the hardware; None while it stands."""


class Interpreter:
    """Parses what one read returned, split at `;`; a success of `set` and `execute` is silent."""

    def __init__(self, controller: SimulatedController, machine: Machine) -> None:
        self._controller = controller
        self._parameters = controller.parameters
        self._machine = machine
        self._deferred: list[str] = []  # behind a run command in the same read

    def handle(self, unit: str) -> str:
        """Return the answers to one read, concatenated. Raises Crash."""
        if unit.strip().rstrip(";").strip().lower() == "set":
            raise Crash
        commands = [part.strip() for part in unit.split(";")]
        return self._all([command for command in commands if command])

    def after_run(self) -> str:
        """Return the answers to the commands that waited for the end of the run."""
        deferred, self._deferred = self._deferred, []
        return self._all(deferred) if deferred else ""

    def _all(self, commands: list[str]) -> str:
        answers = []
        for number, command in enumerate(commands, 1):
            before = self._machine.run_mode
            answers.append(self._answer_to(number, command))
            if before == "Stop" and self._machine.run_mode != "Stop":
                self._deferred += commands[number:]
                break
        return "".join(answers)

    def _answer_to(self, number: int, command: str) -> str:
        parts = command.split()
        match parts[0].lower():
            case "get":
                if len(parts) != 2:
                    return f"Error - Command {number}: Get commands require a parameter"
                return self._get(parts[1].lower())
            case "set":
                is_text = len(parts) > 1 and self._takes_spaces(parts[1].lower())
                if len(parts) != 3 and not (is_text and len(parts) > 2):
                    return f"Error - Command {number}: Set commands require a parameter and a value"
                return self._set(parts[1].lower(), " ".join(parts[2:]))
            case "execute":
                if not 2 <= len(parts) <= 3:
                    return f"Error - Command {number}: Execute commands require an action"
                return self._execute(parts[1].lower(), parts[2].lower() if parts[2:] else "")
            case "livenotes":
                if self._machine.run_mode == "Record":
                    return ""
                return "LiveNotes cannot be added unless the board is recording"
        return f"Error - Command {number}: Unrecognized command"

    def _takes_spaces(self, parameter: str) -> bool:
        kind = self._parameters.kinds.get(parameter)
        return kind is not None and kind.is_text

    # get

    def _get(self, parameter: str) -> str:
        machine = self._machine
        computed: Mapping[str, tuple[str, str]] = {
            "runmode": ("RunMode", machine.run_mode),
            **{
                f"tcp{output}dataoutputconnectionstatus": (
                    f"TCP{output.capitalize()}DataOutputConnectionStatus",
                    machine.status(output),
                )
                for output in _OUTPUTS
            },
        }
        if parameter in computed:
            name, value = computed[parameter]
            return f"Return: {name} {value}"
        if parameter == "currenttimestamp":
            sample = machine.sample()
            return f"Return: {-1 if sample is None else sample}"
        challenge = parameter.removeprefix("crepesimulator.")
        if challenge != parameter and (proof := machine.proof(challenge)):
            return f"Return: {challenge} {proof}"
        kind = self._parameters.kinds.get(parameter)
        if kind is None:
            return "Unrecognized parameter"
        value = self._parameters.values[parameter]
        if parameter == "stimstepsizemicroamps" and Fault.STEP_CHANGED in self._controller.faults:
            value = f"{float(value) * 10:g}"
        return f"Return: {kind.name} {value}"

    # set

    def _set(self, parameter: str, value: str) -> str:
        if parameter == "runmode":
            return self._set_run_mode(value.lower())
        kind = self._parameters.kinds.get(parameter)
        if kind is None:
            return "Unrecognized parameter"
        if kind.is_stimulation and not self._parameters.is_rhs:
            return f"{kind.name} cannot be set with a non-stim controller"
        if kind.is_read_only:
            return f"{kind.name} cannot be changed once software has started."
        if kind.is_locked and self._machine.run_mode != "Stop":
            return f"{kind.name} cannot be set while controller is running."
        return self._assign(parameter, kind, value)

    def _assign(self, parameter: str, kind: Kind, value: str) -> str:
        parsed = kind.parsed(value)
        if parsed is None:
            return kind.refusal
        self._parameters.values[parameter] = parsed
        return ""

    def _set_run_mode(self, mode: str) -> str:
        machine, values = self._machine, self._parameters.values
        if mode == "stop":
            if machine.run_mode == "Stop":
                return "Board must be running in order to stop"
            machine.end_run()
            return ""
        if mode not in RUN_MODES:
            return "Invalid value for SetRunMode command"
        if machine.run_mode != "Stop":
            return f"Board must be stopped in order to start {RUN_MODES[mode]}"
        if mode == "record" and not (values["filename.path"] and values["filename.basefilename"]):
            return (
                "Filename.BaseFilename and Filename.Path must both be specified before recording "
                "can occur"
            )
        machine.begin_run(mode.capitalize())
        if values["uploadinprogress"] == "True":
            # Observed: `runmode` says Run all the same, and no data come.
            return (
                "Error - To avoid data corruption, controller cannot start running until "
                "previously started upload function completes"
            )
        return ""

    # execute

    def _execute(self, action: str, argument: str) -> str:
        for output in _OUTPUTS:
            if action == f"connecttcp{output}dataoutput":
                self._machine.connect(output)
                return ""
            if action == f"disconnecttcp{output}dataoutput":
                self._machine.disconnect(output)
                return ""
        match action:
            case "clearalldataoutputs":
                self._parameters.clear_outputs()
            case "uploadstimparameters":
                return self._upload(argument)
            case "manualstimtriggerpulse" | "manualstimtriggeron" | "manualstimtriggeroff":
                self._trigger(action.removeprefix("manualstimtrigger"), argument)
            case "measureimpedance" | "rescanports":
                if self._machine.run_mode != "Stop":
                    return f"{action} {_UPLOADS_WHILE_STOPPED}"
            case _:
                return "Unrecognized action"
        return ""

    def _upload(self, channel: str) -> str:
        """Program one channel or all. One channel is not refused in a run, as in RHX."""
        parameters, controller = self._parameters, self._controller
        if not parameters.is_rhs or Fault.DEAF in controller.faults:
            return ""
        if not channel and self._machine.run_mode != "Stop":
            return f"UploadStimParameters {_UPLOADS_WHILE_STOPPED}"
        if parameters.values["uploadinprogress"] == "True":
            return "Error - Another upload cannot be started until the previous upload completes"
        if Fault.UPLOAD_STUCK in controller.faults:
            parameters.values["uploadinprogress"] = "True"
            return ""
        step_ua = float(parameters.values["stimstepsizemicroamps"])
        for name in controller.amplifiers if not channel else (channel.upper(),):
            if name in controller.amplifiers:  # an unknown one is ignored in silence
                controller.hardware.upload(name, parameters.of_channel(name), step_ua)
        return ""

    def _trigger(self, what: str, key: str) -> None:
        controller = self._controller
        is_key = key in {f"f{i}" for i in range(1, 9)}
        if not is_key or not self._parameters.is_rhs or Fault.DEAF in controller.faults:
            return
        if what in ("pulse", "on"):
            controller.hardware.key(key, is_on=True, sample=self._machine.sample())
        if what in ("pulse", "off"):
            controller.hardware.key(key, is_on=False, sample=self._machine.sample())
