"""A machine joins the session that the server has, and no other; what it would run is compared."""

import json
import os
from contextlib import ExitStack

import pytest
from supervisor.loggers import getLogger

from crepe.config.experiment import load_experiment
from crepe.environment import paths, session
from crepe.errors import ConfigError
from crepe.redis_server.find_url import find_url
from crepe.store.redis_store import RedisStore
from crepe.supervise.machines import join, presence, shared_session
from crepe.supervise.machines.shared_session import Phase, SharedSession
from tests.config.test_machines import ACQUIRE, MACHINE, ON_B


@pytest.fixture
def store(redis_url, request, monkeypatch):
    """The store of the session, which a machine reaches by its socket here."""
    store = RedisStore(redis_url, culture=request.node.name.partition("[")[0])
    monkeypatch.setattr(
        join, "_open", lambda *_: RedisStore(redis_url, culture=store.culture, patience_s=1.0)
    )
    yield store
    store.close()


@pytest.fixture
def file(tmp_path, store):
    """An experiment file that has the tables of machine B only."""

    def write(text=MACHINE + ON_B):
        path = tmp_path / "b.toml"
        path.write_text(f'name = "{store.culture}"\n{text}')
        return load_experiment(path, machine="B")

    (tmp_path / "password").write_text("secret")
    (tmp_path / "password").chmod(0o600)
    return write


def share(store, ahead_s=0.0):
    """Share a session whose file has more than that of B, and other paths in `[machines.B]`."""
    text = f'name = "{store.culture}"\ntitle = "both"\n' + MACHINE + ACQUIRE + ON_B
    now = session.new(paths.experiments_directory(), "digest", 5, store.culture)
    shared = SharedSession(
        now.id, now.started_at, "digest", 5, now.format, "lab", ahead_s, 0.001, text
    )
    shared_session.publish(store, shared)
    return shared


def test_it_runs_the_sessions_own_experiment_from_its_own_directory(
    store, file, tmp_path, monkeypatch
):
    monkeypatch.setenv("CREPE_EXPERIMENT", "before")
    shared, var = share(store), tmp_path / "v"
    with ExitStack() as at_end:
        joined = join.join(getLogger(), file(), var, at_end)
        assert [program.name for program in joined.programs] == ["keep", "machine", "detect"]
        assert (joined.title, joined.directory) == ("both", tmp_path)
        now = session.current(var)
        assert (now.id, now.experiment_digest, now.seed) == (shared.session, "digest", 5)
        assert os.environ["CREPE_EXPERIMENT"] == str(joined.path) == now.experiment_path
        last = presence.look(store, "B")
        assert last.presence._asdict() == json.loads(
            (paths.run_directory(var) / "presence.json").read_text()
        )
    assert presence.look(store, "B") is None


def test_the_server_is_noted_for_all_programs_of_the_directory(store, file, tmp_path, monkeypatch):
    share(store)
    monkeypatch.setenv("CREPE_VAR", str(tmp_path / "v"))
    monkeypatch.setenv("CREPE_EXPERIMENT", "")
    text = (MACHINE + ON_B).replace("/etc/crepe", str(tmp_path))
    with ExitStack() as at_end:
        join.join(getLogger(), file(text), tmp_path / "v", at_end)
        assert find_url(is_ours=True) == "redis://machine-B:secret@127.0.0.1:6390"


def test_without_a_session_that_runs_there_is_nothing_to_join(store, file, tmp_path):
    with ExitStack() as at_end, pytest.raises(ConfigError, match="no session runs that machine B"):
        join.join(getLogger(), file(), tmp_path, at_end)
    share(store)
    shared_session.set_phase(store, Phase.ENDING)
    with ExitStack() as at_end, pytest.raises(ConfigError, match="start it with `crepe up` on the"):
        join.join(getLogger(), file(), tmp_path, at_end)
    assert session.current(tmp_path) is None


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (ON_B.replace("writes", "threshold_sd = 4.0\nwrites"), "threshold_sd: 4.0, the session has"),
        (ON_B.replace('machine = "B"\nreads', "reads")
         + '[chains.more]\nmachine = "B"\nactors = ["detect"]\n',
         r"\[actors\.detect\] machine: 'its default', the session has 'B'"),
        (ON_B.partition("[actors.record]")[0], r"\[chains\.keep\] is missing, but runs on this"),
        (ON_B + ACQUIRE.replace("acquire]", "second]").replace("crepe.actors.acquire:Acquire",
         "crepe.actors.filter:BandPass").replace('device = "generator://?n_channels=4"',
         'machine = "B"\nreads = ["data:spikes2"]').replace('["data"]', '["data:filtered"]'),
         r"\[actors\.second\] does not run on this machine in the session"),
    ],
    ids=["setting", "chain", "missing", "more"],
)  # fmt: skip
def test_tables_that_differ_from_the_sessions_are_named(store, file, tmp_path, text, problem):
    share(store)
    with ExitStack() as at_end, pytest.raises(ConfigError, match=problem):
        join.join(getLogger(), file(MACHINE + text), tmp_path, at_end)
    assert presence.look(store, "B") is None


def test_clocks_that_are_far_apart_are_a_warning_and_a_note_in_the_session(
    store, file, tmp_path, monkeypatch
):
    monkeypatch.setenv("CREPE_EXPERIMENT", "")
    share(store, ahead_s=3.0)
    with ExitStack() as at_end:
        join.join(getLogger(), file(), tmp_path / "v", at_end)
    ((_, item),) = store.wait({"control": "0-0"}, 0.1)
    assert b"machine B on host" in item.payload
    assert b"behind that of lab" in item.payload
    assert b"more than 100 ms: set both by NTP or PTP" in item.payload


def test_a_server_of_the_environment_is_refused(file, store, tmp_path, monkeypatch):
    monkeypatch.setenv("CREPE_REDIS", "redis://127.0.0.1:1")
    with pytest.raises(ConfigError, match="CREPE_REDIS is set, but machine B uses `redis`"):
        join.check_joining(file(), tmp_path)
