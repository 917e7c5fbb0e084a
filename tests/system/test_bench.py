"""docs/how-to/at-the-bench.md, step by step, with a simulated instrument that proves nothing."""

from pathlib import Path

import pytest

from crepe.recording.reader import Recording
from crepe.simulator.meame.settings import SimulatorSettings
from crepe.store import Store
from tests.running_simulator import running_simulator

ROOT = Path(__file__).parent.parent.parent
SECOND = 50_000  # ticks of the DSP's clock, 20 us each


@pytest.fixture
def instrument(tmp_path):
    directory = tmp_path / "the lab's"
    directory.mkdir()
    ports = {"http_port": 0, "data_port": 0, "sawtooth_port": 0}
    with running_simulator(SimulatorSettings(**ports), directory) as simulator:
        yield simulator


@pytest.fixture
def lab_toml(instrument, tmp_path):
    """config/meame-lab.toml with the address of the instrument, and a player that is here."""
    text = (ROOT / "config" / "meame-lab.toml").read_text(encoding="utf-8")
    url = f"meame://127.0.0.1:{instrument.http_port}"
    assert text.count('"meame://127.0.0.1:8888"') == 2
    text = text.replace('"meame://127.0.0.1:8888"', f'"{url}?data_port={instrument.data_port}"', 1)
    text = text.replace('"meame://127.0.0.1:8888"', f'"{url}"')
    for old, new in (
        ('player = "sensor"', 'player = "script"'),
        ("n_trials = 10", "n_trials = 1000"),
    ):
        assert old in text
        text = text.replace(old, new, 1)
    path = tmp_path / "lab.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_steps_at_the_bench(stack, instrument, lab_toml):
    dsp = instrument.instrument.dsp
    done = stack.crepe("check", "--instrument", str(lab_toml))
    assert "without a proof that it is CREPE's own simulator it must be armed" in done.stdout
    assert "WRONG" not in done.stdout

    stack.crepe("up", str(lab_toml), "--new")
    stack.wait(lambda: is_answered("not armed"))
    assert not dsp.shots

    assert "armed for 5 minutes" in stack.crepe("arm", "--minutes", "5").stdout
    stack.wait(lambda: len(dsp.shots) > 3)

    assert "stop proved" in stack.crepe("stop").stdout
    n_shots = len(dsp.shots)
    stopped = dsp.now
    stack.wait(lambda: instrument.catch_up().now > stopped + 5 * SECOND)
    assert len(dsp.shots) == n_shots
    stack.wait(lambda: is_answered("stopped by crepe stop"))
    stack.crepe("down")
    (path,) = (stack.var / "recordings").glob("*.h5")
    with Recording(path) as recording:
        assert recording.is_simulated  # though it proves nothing, and had to be armed


def is_answered(reason):
    """Whether a request has been answered with a reason that contains this."""
    with Store(patience_s=60) as store:
        if "result:delivered" not in store:
            return False
        stream = store["result:delivered"]
        return any(reason in m.reason for m in stream.messages(stream.first, len(stream)))
