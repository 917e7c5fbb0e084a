"""An experiment on several machines: each has its part, and an instrument stays with its watchdog."""

import pytest

from crepe.config.experiment import load_experiment
from crepe.config.machines import unseen
from crepe.config.services import SERVICES
from crepe.errors import ConfigError

MACHINE = """
[machines.B]
redis = "redis://127.0.0.1:6390"
password_file = "/etc/crepe/password"
"""
ACQUIRE = """
[actors.acquire]
run = "crepe.actors.acquire:Acquire"
device = "generator://?n_channels=4"
writes = ["data"]
"""
ON_B = """
[actors.detect]
run = "crepe.actors.detect:Detect"
machine = "B"
reads = ["data"]
writes = ["data:spikes"]

[actors.record]
run = "crepe.actors.record:Record"
reads = ["data", "data:spikes"]

[chains.keep]
machine = "B"
actors = ["record"]
"""


@pytest.fixture
def write(tmp_path):
    def write(text):
        path = tmp_path / "two.toml"
        path.write_text(text)
        return path

    return write


def programs(experiment):
    return [program.name for program in experiment.programs]


def test_each_machine_has_its_own_actors_and_the_main_one_all_other_services(write):
    path = write(MACHINE + ACQUIRE + ON_B)
    main, further = load_experiment(path), load_experiment(path, machine="B")
    assert programs(main) == ["redis", "shared_session", "acquire", "machines"]
    assert programs(further) == ["keep", "machine", "detect"]
    assert set(main.actors) == {"acquire", "detect", "record"}
    assert set(further.actors) == {"detect", "record"}


def test_the_end_of_requests_comes_first_and_that_of_recorders_last():
    order = sorted(SERVICES.values(), key=lambda service: -service.priority)
    assert order[0].name == "machines"
    assert [service.name for service in order[-3:]] == ["culture", "shared_session", "redis"]


def test_a_file_with_the_actors_of_one_machine_fits_there_and_its_gaps_are_stated(write):
    further = load_experiment(write(MACHINE + ON_B), machine="B")
    assert programs(further) == ["keep", "machine", "detect"]
    assert [text.partition(",")[0] for text in unseen(further)] == [
        "[actors.detect] reads 'data'",
        "[actors.record] reads 'data'",
    ]


def test_the_same_file_does_not_fit_on_the_main_machine(write):
    with pytest.raises(ConfigError, match=r"detect\] reads: 'data' has no writer"):
        load_experiment(write(MACHINE + ON_B))


def test_a_machine_without_a_table_is_refused(write):
    path = write(MACHINE + ACQUIRE + ON_B)
    with pytest.raises(ConfigError, match=r"no table \[machines\.b\]; known are B"):
        load_experiment(path, machine="b")


STIMULATE = """
[actors.stimulate]
run = "crepe.actors.stimulate:Stimulate"
machine = "B"
device = "generator://"
reads = ["data"]
writes = ["stimuli"]
"""


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            ACQUIRE + 'machine = "B"\n' + ON_B,
            r"acquire\] machine: 'B': Acquire must run on the main",
        ),
        (
            ACQUIRE + ON_B.replace("reads = [", 'machine = "B"\nreads = ['),
            r"actors\.record\] machine: 'B': runs in \[chains\.keep\]",
        ),
        (ACQUIRE + ON_B.replace('"B"', '"C"'), r"machine: 'C': no table \[machines\.C\]"),
        (
            ACQUIRE
            + ON_B.replace('machine = "B"\nreads', "reads").replace('["rec', '["detect", "rec'),
            r"chains\.keep\] machine: 'B': records and does other things: a recorder needs",
        ),
        (ACQUIRE, r"\[machines\.B\]: no actor and no chain has machine = 'B'"),
        (MACHINE.replace(".B", '."B 2"') + ACQUIRE, r"B 2\]: allowed are 1 to 32 of"),
    ],
    ids=["source", "in a chain", "unknown", "recorder in a chain", "empty", "name"],
)
def test_a_division_that_cannot_run_is_refused(write, text, problem):
    if text.count("machine = ") > 2:
        text = text.replace('machine = "B"\nmachine = "B"', 'machine = "B"', 1)
    with pytest.raises(ConfigError, match=problem):
        load_experiment(write(MACHINE + text))


def test_the_stimulator_stays_beside_the_watchdog():
    changes = {
        "machines": {"B": {"redis": "redis://127.0.0.1:1", "password_file": "/p"}},
        "actors.stimulate.machine": "B",
    }
    with pytest.raises(ConfigError, match=r"Stimulate must run on the main machine, beside the"):
        load_experiment(None, changes)


def test_an_experiment_in_lock_step_runs_on_one_machine():
    changes = {
        "machines": {"B": {"redis": "redis://127.0.0.1:1", "password_file": "/p"}},
        "chains.pipeline.machine": "B",
        "culture.simulated.lockstep_s": 0.01,
    }
    with pytest.raises(ConfigError, match=r"lockstep_s: an experiment in lock-step runs on one"):
        load_experiment(None, changes)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"redis": "redis://lab.example.org:6379"}, "is not encrypted"),
        ({"redis": "redis://user:secret@127.0.0.1:1"}, "must hold neither password nor options"),
        ({"redis": "rediss://h:1?ssl_cert_reqs=none"}, "must hold neither password nor options"),
        ({"redis": "unix:///run/redis.sock"}, "a socket of one machine"),
        ({"redis": "http://h:1"}, "must begin with"),
    ],
)
def test_an_address_that_is_open_or_holds_a_secret_is_refused(write, changes, problem):
    settings = {f"machines.B.{name}": value for name, value in changes.items()}
    with pytest.raises(ConfigError, match=problem) as raised:
        load_experiment(write(MACHINE + ACQUIRE + ON_B), settings)
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"redis": "rediss://lab.example.org:6380"},
        {"redis": "redis://10.0.0.1:6379", "plain_tcp": True},
        {"redis": "redis://someone@localhost:6379"},
    ],
)
def test_tls_a_tunnel_or_an_explicit_permission_is_enough(write, changes):
    settings = {f"machines.B.{name}": value for name, value in changes.items()}
    assert load_experiment(write(MACHINE + ACQUIRE + ON_B), settings).machines["B"].redis


def test_the_server_is_open_to_other_machines_only_if_that_is_permitted(write):
    path = write(ACQUIRE)
    with pytest.raises(ConfigError, match=r"host '0\.0\.0\.0': must be an address of this machine"):
        load_experiment(path, {"redis": {"host": "0.0.0.0"}})
    assert load_experiment(path, {"redis": {"host": "10.0.0.1", "plain_tcp": True}}).redis.host
