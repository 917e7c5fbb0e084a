"""`crepe check --instrument`: what can be verified at instruments without stimulating."""

# Decision 48: why it starts acquisition.

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from crepe.actors.actor import Source
from crepe.config.device_check import check_device
from crepe.config.experiment import Experiment
from crepe.environment.finding import Finding
from crepe.errors import ConfigError, DeviceError
from crepe.hw.device import check_url, open_recorder
from crepe.hw.meame.dsp_setup import has_blanking
from crepe.hw.meame.http import Control, HttpControl, Server, find_server
from crepe.hw.meame.recorder import RecorderSettings
from crepe.hw.meame.registers import OWN_TRIGGERS, Function, Register
from crepe.safety.instrument_lock import instrument_lock

_LOCK_S = 2.0
_CALL_S = 2.0
_FIND_S = 1.0
_SET_UP_CALLS = 9  # at most, for the first train on electrodes; later ones on them need none
_SAMPLES_S = 2.0  # in which the first samples must arrive
_POLL_S = 0.1
_ACQUISITION = ("sampling_rate_hz", "segment_samples")  # what `Acquire` requests of a device
_STARTED_NOW = "; starting it now, as `crepe up` does (an actor that records needs it)"
_OTHER_PORT = "if the server sends samples on another port N, add ?data_port=N to that device"
UNKNOWABLE = (
    "pattern memories: MEAME cannot read them back",
    "sampling rate and segment length, if another client has configured MEAME: the recorder looks "
    "for a quiet reference, and measures the rate",
    "the size of a count in microvolts (scale_uv): MEAME does not report it; compare recordings",
    "that a manual trigger fires a pattern once: try it on an array without a culture",
    "that clearing a pattern memory ends what it plays: electrodes are off before, and stay off "
    "until the pattern would have ended",
    "that the output is held at zero after the last vector: look with an oscilloscope",
)


def check_instrument(experiment: Experiment, run_directory: Path) -> Iterator[Finding]:
    """Query each instrument of the experiment, and record for a moment; stimulate nothing.

    Of others than MEAME the contract is tried by `check_device`. MEAME opens its data port when
    acquisition is started, so that is done, as `crepe up` does.
    Harmless instructions show whether the DSP carries out what the server acknowledges, and which
    firmware it has. Raises ConfigError if the experiment has no instrument.
    """
    devices = {name: str(it.settings.get("device", "")) for name, it in experiment.actors.items()}
    urls = {name: url for name, url in devices.items() if url.startswith("meame://")}
    others = {name: url for name, url in devices.items() if url and name not in urls}
    others = {name: url for name, url in others.items() if url != "none://"}
    if not urls and not others:
        raise ConfigError(f"{experiment.path}: no actor has an instrument as its device")
    for url in dict.fromkeys(others.values()):
        tables = [experiment.actors[name].settings for name, it in others.items() if it == url]
        settings = {key: table[key] for table in tables for key in _ACQUISITION if key in table}
        yield from check_device(url, **settings)
    kinds = {name: experiment.actors[name].kind for name in urls}
    server_of = {name: _server(urls[name], issubclass(kinds[name], Source)) for name in urls}
    servers: dict[str, Server] = {}
    for server in server_of.values():
        servers.setdefault(server.name, server)  # the recorder comes first and has the data port
    for server in servers.values():
        recorders = {
            name: other
            for name, other in server_of.items()
            if other.name == server.name and issubclass(kinds[name], Source)
        }
        yield from _of_server(experiment, server, recorders, run_directory)
    for text in UNKNOWABLE if urls else ():
        yield Finding(None, text)


def _server(url: str, is_source: bool) -> Server:
    settings = check_url(url, is_source=is_source)
    data_port = getattr(settings, "data_port", RecorderSettings().data_port)
    return find_server(getattr(settings, "location", ""), data_port, _FIND_S)


def _of_server(
    experiment: Experiment, named: Server, recorders: Mapping[str, Server], run_directory: Path
) -> Iterator[Finding]:
    try:
        server = named.resolved(_FIND_S)
    except DeviceError as error:
        yield Finding(False, str(error))
        return
    with HttpControl(server, _CALL_S) as control:
        try:
            status = control.status()
        except DeviceError as error:
            yield Finding(False, str(error))
            return
        yield Finding(True, f"{server.name}: answers")
        yield Finding(True, _kind(control))
        yield Finding(bool(status.get("dspAlive")), f"DSP found: {status.get('dspAlive')}")
        is_started = bool(status.get("isAlive"))
        yield Finding(
            True, f"acquisition started: {is_started}{'' if is_started else _STARTED_NOW}"
        )
        for name, its_server in recorders.items():
            yield _of_recorder(name, experiment.actors[name].settings, its_server.data_port)
        try:
            # A stimulator that runs uses the same DSP (decision 15).
            with instrument_lock(run_directory, _LOCK_S):
                yield from _of_dsp(control)
        except DeviceError as error:
            yield Finding(False, str(error))


def _kind(control: HttpControl) -> str:
    if control.is_our_simulator():
        return "it is CREPE's own simulator"
    if control.is_simulated:
        return (
            "it reports a simulated culture, so recordings call it simulated; without a proof that "
            "it is CREPE's own simulator it must be armed as an instrument"
        )
    return "it is not CREPE's own simulator"


def _of_recorder(name: str, settings: Mapping[str, Any], data_port: int) -> Finding:
    """Record from an instrument for a moment, with the actor's settings."""
    acquisition = {key: settings[key] for key in _ACQUISITION if key in settings}
    place = f"[actors.{name}] device: data port {data_port}"
    recorder = open_recorder(settings["device"], **acquisition)
    deadline = time.monotonic() + _SAMPLES_S
    try:
        while True:
            try:
                recorder.open(0)
                break
            except DeviceError as error:
                # MEAME may open its port a moment after it has acknowledged the start.
                if time.monotonic() > deadline:
                    return Finding(False, f"{place}: {error}; {_OTHER_PORT}")
                time.sleep(_POLL_S)
        if recorder.read(_SAMPLES_S) is None:
            return Finding(False, f"{place}: no samples in {_SAMPLES_S:g} s; {_OTHER_PORT}")
    except DeviceError as error:
        return Finding(False, f"{place}: {error}")
    finally:
        recorder.close()
    return Finding(True, f"{place}: samples arrive")


def _of_dsp(control: Control) -> Iterator[Finding]:
    before = control.read([Register.SLAVE_INSTRUCTION_ID])[0]
    began_s = time.monotonic()
    control.call(Function.COMMIT_DEBUG, [])
    took_s = time.monotonic() - began_s
    registers = [
        Register.SLAVE_INSTRUCTION_ID,
        Register.ERROR_FLAG,
        Register.DAC_MODE,
        Register.DAC_TRIGGER,
        Register.SIDEBAND_TRIGGER,
        Register.TRIGGER_REPEATS,
        Register.HW_ENABLE,
        Register.HW_ENABLE + 4,  # the second word; each has 30 electrodes
    ]
    after, error, mode, dac, sideband, repeats, *enabled = control.read(registers)
    yield Finding(
        after == before + 1,
        f"register 1000 counted {after - before} of 1 instruction"
        + ("" if after == before + 1 else ": the server acknowledges what the DSP does not do"),
    )
    yield Finding(
        True,
        f"a call takes {took_s * 1000:.0f} ms, so setting new electrodes up takes about "
        f"{_SET_UP_CALLS * took_s:.2f} s; where that makes a train too old it is refused, and the "
        "next on the same electrodes is not",
    )
    yield Finding(error == 0, f"error register: {error}")
    yield Finding(not any(enabled), f"electrodes enabled: {enabled}, must be none at rest")
    yield Finding(None, f"register 9100 (voltage or current) reads {mode:#06x}; set before a train")
    yield Finding(
        True,
        f"registers 9104, 9108, 9190 (triggers) read {dac:#x}, {sideband:#x}, {repeats}; set to "
        f"{OWN_TRIGGERS:#x}, {OWN_TRIGGERS:#x}, 1 before a train",
    )
    yield _of_firmware(control)


def _of_firmware(control: Control) -> Finding:
    """Tell the two firmwares apart by whether blanking can be enabled; restore its registers."""
    blanking = [Register.HW_BLANKING + 4 * i for i in range(2)]
    was = control.read(blanking)
    is_lab = any(was) or has_blanking(control)
    if is_lab and not any(was):
        for function, first in (
            (Function.SET_BLANKING, Register.BLANKING_EN),
            (Function.SET_BLANKING_PROTECTION, Register.BLANK_PROT_EN),
        ):
            control.call(function, [(first, 0), (first + 4, 0)])
    text = "the lab's of 2019" if is_lab else "the public one of 2018, without blanking"
    return Finding(True, f"firmware: {text}, as functions 14 and 15 show")
