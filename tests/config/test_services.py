"""The table of programs that are no actors: each can be run, and an experiment has what it names."""

import inspect
from importlib import import_module
from pathlib import Path

import pytest

from crepe.config.experiment import load_experiment
from crepe.config.services import SERVICES, has_heartbeat, restarts

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", SERVICES)
def test_the_function_that_runs_a_service_exists_and_takes_the_programs_part(name):
    module, _, function = SERVICES[name].run.partition(":")
    assert list(inspect.signature(getattr(import_module(module), function)).parameters) == ["part"]


def test_services_are_listed_in_order_of_start():
    priorities = [service.priority for service in SERVICES.values()]
    assert priorities == sorted(set(priorities))


def test_an_experiment_has_the_services_whose_tables_it_has():
    def services_of(**changes):
        programs = load_experiment(None, changes).programs
        return [program.name for program in programs if program.name in SERVICES]

    absent = ["shared_session", "rhx", "machine", "rpyc", "machines"]
    assert services_of() == [name for name in SERVICES if name not in absent]
    assert "rpyc" in services_of(rpyc={})
    assert "dashboard" not in services_of(dashboard=None)
    assert services_of(**{"culture.simulated": None})[:2] == ["redis", "sensor"]


@pytest.mark.parametrize("file", ["config/rps.toml", "config/pong.toml"])
def test_who_requests_stimuli_stops_before_the_stimulator_and_that_before_the_rest(file):
    programs = load_experiment(ROOT / file).programs
    assert [program.name for program in programs][-3:] == ["watchdog", "stimulate", "game"]


def test_actors_and_the_sensor_gateway_publish_a_heartbeat_other_services_do_not():
    assert [name for name in SERVICES if has_heartbeat(name)] == ["sensor"]
    assert has_heartbeat("acquire")


def test_the_owner_of_an_instruments_only_connection_starts_first_ends_last_and_never_again():
    names = [p.name for p in load_experiment(ROOT / "config/rps-rhx.toml").programs]
    assert names[:2] == ["redis", "rhx"]
    assert [name for name in SERVICES if not restarts(name)] == ["rhx"]
    assert restarts("acquire")
