"""Which instruments the emergency stop means; how it stops them is tested with the instrument."""

from crepe.environment import paths
from crepe.environment.process_identity import ProcessIdentity
from crepe.safety import arming, emergency_stop
from crepe.safety.arming import Instrument

OWN = ProcessIdentity.own()


def test_other_instruments_are_stopped_unless_their_stimulator_is_proven_to_have_ended(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(emergency_stop, "_TRY_S", 0.1)
    processes = {
        "runs": OWN,
        "unseen": OWN._replace(namespace="pid:[1]"),
        "ended": OWN._replace(start="1"),  # a stranger has its pid
    }
    directories = [paths.private(tmp_path / "here")]
    for port, (name, process) in enumerate(processes.items(), start=1):
        directories.append(paths.private(tmp_path / name))
        arming.announce(directories[-1], Instrument(name, process, "127.0.0.1", port))
    lines = []
    assert not emergency_stop.stop(directories, "", lines.append)
    tried = sorted(line.split(": NOT")[0] for line in lines if "Switch the stimulator off" in line)
    assert tried == ["meame://127.0.0.1:1", "meame://127.0.0.1:2"]


def test_a_stop_is_not_verified_while_an_announcement_cannot_be_read(tmp_path, monkeypatch):
    monkeypatch.setattr(emergency_stop, "stop_dsp", lambda control: [])
    first, other = (paths.private(tmp_path / name) for name in ("first", "other"))
    arming.announce(first, Instrument("own", OWN, "127.0.0.1", 1))
    lines = []
    assert emergency_stop.stop([first, other], "", lines.append)
    (other / arming.INSTRUMENT_FILE).write_text("{")
    assert not emergency_stop.stop([first, other], "", lines.append)
    assert any("NOT VERIFIED" in line and "instrument.json" in line for line in lines)
