"""Channels that several programs share are one array to all others, also when one is killed."""

import os
import re
import signal
from itertools import pairwise

import pytest

from crepe.messages import Spikes
from crepe.runtime.verify import verify
from crepe.store import Store
from tests.document_files import ROOT, printed_files

PAGE = ROOT / "docs" / "how-to" / "many-channels.md"
FEW = {
    r"n_channels=\d+": "n_channels=5",
    r"_rate_hz=\d+": "_rate_hz=10000",
    r"_samples=\d+": "_samples=100",
}


@pytest.fixture
def few(tmp_path):
    """The experiment of the page, with fewer channels."""
    text = printed_files(PAGE)["many.toml"]
    for old, new in FEW.items():
        text = re.sub(old, new, text)
    path = tmp_path / "few.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_shard_that_is_killed_resumes_and_the_spikes_are_those_of_one_program(
    stack, few, tmp_path
):
    stack.crepe("up", str(few), "--new")
    with Store() as store:
        spikes = store["data:spikes"]
        stack.wait(lambda: len(spikes) > 10_000)
        assert set(store.streams()) >= {"data", "data:spikes"}
        assert not any("/" in stream for stream in store.streams())
        killed = stack.rows()["pipeline-1"]["pid"]
        os.kill(killed, signal.SIGKILL)
        at = len(store["data"])
        stack.wait(lambda: stack.rows()["pipeline-1"]["pid"] not in (None, killed))
        stack.wait(lambda: len(spikes) > at + 5_000)
        assert spikes.info.n_channels == store["data"].info.n_channels == 5
    stack.crepe("down")
    (path,) = (stack.var / "recordings").glob("*.h5")
    recorded = Store(path)
    assert recorded.streams() == ["data", "data:filtered", "data:spikes"]
    assert recorded["data:spikes"].gaps() == recorded["data"].gaps() == []
    messages = recorded["data:spikes"].messages()
    assert all(isinstance(message, Spikes) for message in messages)
    windows = [(message.start, message.stop) for message in messages]
    assert all(a[1] == b[0] for a, b in pairwise(windows))
    verification = verify(path, few.parent)
    assert verification.difference is None
    assert verification.n_compared["data:spikes"] > 150
