"""`crepe check --instrument`: what can be known of a MEAME without stimulating, and what cannot."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from crepe.config import Experiment
from crepe.errors import ConfigError, DeviceError
from crepe.hw.dsp_stop import dsp_lock
from crepe.hw.meame_http import HttpControl, find_server
from crepe.hw.meame_registers import Function, Register

_LOCK_S = 2.0
_CALL_S = 2.0
UNKNOWABLE = (
    "pattern memories: MEAME cannot read them back",
    "sampling rate and segment length, if another client has configured MEAME: the recorder looks "
    "for a quiet reference, and measures the rate",
    "the size of a count in microvolts (scale_uv): MEAME does not tell; compare with a recording",
    "that a manual trigger fires a pattern once: try it on an array without a culture",
    "that clearing a pattern memory ends what it plays: electrodes are off before, and stay off "
    "until the pattern would have ended",
    "that the output is held at zero after the last vector: look with an oscilloscope",
)


class Finding(NamedTuple):
    """`is_well` is None where it could not be known."""

    is_well: bool | None
    text: str


def check_instrument(experiment: Experiment, run_directory: Path) -> Iterator[Finding]:
    """Ask the stimulator's MEAME (or else the recorder's); nothing is started or written.

    One harmless instruction shows whether the DSP carries out what the server acknowledges.
    Raises ConfigError if the experiment has no MEAME.
    """
    devices = [str(actor.settings.get("device", "")) for actor in experiment.actors.values()]
    urls = [url for url in devices if url.startswith("meame://")]
    if not urls:
        raise ConfigError(f"{experiment.path}: no actor has a device meame://...")
    server = find_server(urls[-1].removeprefix("meame://").partition("?")[0], 0, 1.0)
    with HttpControl(server, _CALL_S) as control:
        try:
            status = control.status()
        except DeviceError as error:
            yield Finding(False, str(error))
            return
        yield Finding(True, f"{server.name}: answers")
        is_ours = control.is_our_simulator()
        yield Finding(
            True, "it is CREPE's own simulator" if is_ours else "it is not CREPE's own simulator"
        )
        yield Finding(bool(status.get("dspAlive")), f"DSP found: {status.get('dspAlive')}")
        yield Finding(True, f"acquisition started: {status.get('isAlive')}")
        with dsp_lock(run_directory, _LOCK_S):
            yield from _of_dsp(control)
    for text in UNKNOWABLE:
        yield Finding(None, text)


def _of_dsp(control: HttpControl) -> Iterator[Finding]:
    try:
        before = control.read([Register.SLAVE_INSTRUCTION_ID])[0]
        control.call(Function.COMMIT_DEBUG, [])
        after, error, mode, *enabled = control.read(
            [
                Register.SLAVE_INSTRUCTION_ID,
                Register.ERROR_FLAG,
                Register.DAC_MODE,
                Register.HW_ENABLE,
                Register.HW_ENABLE + 4,
            ]
        )
    except DeviceError as failed:
        yield Finding(False, str(failed))
        return
    yield Finding(
        after == before + 1,
        f"register 1000 counted {after - before} of 1 instruction"
        + ("" if after == before + 1 else ": the server acknowledges what the DSP does not do"),
    )
    yield Finding(error == 0, f"error register: {error}")
    yield Finding(not any(enabled), f"electrodes enabled: {enabled}, must be none at rest")
    yield Finding(None, f"register 9100 (voltage or current) reads {mode:#06x}; set before a train")
