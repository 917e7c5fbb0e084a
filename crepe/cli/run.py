"""What `crepe run NAME` becomes: an actor's runner, or one of the programs that are no actors."""

import logging
import os
import sys
from collections.abc import Callable, Mapping

from crepe.config.experiment import Experiment, load_experiment
from crepe.environment import paths, session
from crepe.environment.process import end_if_orphan
from crepe.errors import ConfigError, LeaseError
from crepe.redis_server.server import run_server

log = logging.getLogger(__name__)

_SENSOR_PATIENCE_S = 2.0  # a sensor that has shown a frame is not kept waiting


def run_program(program: str) -> None:
    """Be one program of the experiment in CREPE_EXPERIMENT, and log to stdout."""
    logging.basicConfig(
        level=logging.INFO,
        stream=sys.stdout,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    end_if_orphan()  # again: it may have died while this was loaded
    run_program_of(load_experiment(paths.experiment_path(), only=program), program)


def run_program_of(experiment: Experiment, program: str) -> None:
    """Be one program of an experiment until told to stop. Raises ConfigError for a wrong name."""
    no_actors: Mapping[str, Callable[[Experiment], None]] = {
        "redis": _run_redis,
        "culture": _run_culture,
        "sensor": _run_sensor,
        "dashboard": _run_dashboard,
        "simulated_sensor": _run_simulated_sensor,
        "watchdog": _run_watchdog,
    }
    if program in no_actors:
        no_actors[program](experiment)
    else:
        _run_actor(experiment, program)


def _run_redis(experiment: Experiment) -> None:
    table = experiment.redis
    run_server(table.append_only, table.maxmemory_mb, table.port, paths.var_directory())


def _run_culture(experiment: Experiment) -> None:
    from crepe.simulator.meame.server import serve

    if experiment.culture.simulated is None:
        raise ConfigError(f"{experiment.path}: no [culture.simulated] table to simulate from")
    serve(experiment.culture.simulated, paths.run_directory())


def _run_watchdog(experiment: Experiment) -> None:
    from crepe.redis_server.find_url import find_url
    from crepe.safety.watchdog import Watchdog
    from crepe.store import Store

    def tell(text: str) -> None:  # on a thread that ends with the program
        url = find_url(patience_s=float("inf"), is_ours=True)
        with Store(url, culture=experiment.name, patience_s=float("inf")) as store:
            store.send_command("watchdog", text, stream="control", sender="watchdog")

    Watchdog(paths.run_directory(), tell).run()


def _run_sensor(experiment: Experiment) -> None:
    from crepe.environment.process import serve
    from crepe.redis_server.find_url import find_url
    from crepe.sensor.program import SensorGateway
    from crepe.store.redis_store import RedisStore
    from crepe.web.token import check_token

    table = experiment.sensor
    if table is None:
        raise ConfigError(f"{experiment.path}: no [sensor] table to open a door for")
    token = check_token("sensor", table.host)
    now = _session()
    follows, says = (
        RedisStore(
            find_url(patience_s=float("inf"), is_ours=True, meanwhile=end_if_orphan),
            culture=experiment.name,
            writer="sensor",
            patience_s=_SENSOR_PATIENCE_S,
        )
        for _ in range(2)
    )
    opened = SensorGateway(
        table,
        follows,
        says,
        session=now.id,
        since_ms=now.since_ms,
        run_directory=paths.run_directory(),
        token=token,
    )
    serve(opened.run, opened.server.stop)


def _run_dashboard(experiment: Experiment) -> None:
    from crepe.config.tables import DASHBOARD
    from crepe.dashboard.program import Dashboard
    from crepe.environment.process import serve
    from crepe.web.token import check_token

    experiment = load_experiment(experiment.path)  # all of it: what it can do is shown
    table = experiment.dashboard
    if table is None:
        raise ConfigError(f"{experiment.path}: no [dashboard] table to show a page for")
    token = check_token(DASHBOARD, table.host)
    page = Dashboard(experiment, table, token, paths.var_directory())
    serve(page.run, page.server.stop)


def _run_simulated_sensor(experiment: Experiment) -> None:
    from crepe.sensor import simulated

    table = experiment.simulated_sensor
    if table is None or experiment.sensor is None:
        raise ConfigError(f"{experiment.path}: needs the tables [simulated_sensor] and [sensor]")
    simulated.run(table, experiment.sensor, experiment.seed)


def _session() -> session.Session:
    """Return the session that runs. Raises ConfigError before the first."""
    now = session.current()
    if now is None:
        raise ConfigError("no session has begun; start the programs with `crepe up`")
    return now


def _run_actor(experiment: Experiment, program: str) -> None:
    from crepe.redis_server.find_url import find_url
    from crepe.runtime.runner import Runner
    from crepe.store.lease import Holder, Lease
    from crepe.store.redis_store import RedisStore

    experiment.in_program(program)  # a wrong name is said at once
    now = _session()
    store = RedisStore(
        find_url(patience_s=float("inf"), is_ours=True, meanwhile=end_if_orphan),
        culture=experiment.name,
        writer=program,
        patience_s=float("inf"),
        meanwhile=end_if_orphan,
    )
    runner = Runner(
        experiment,
        program,
        store,
        session=now.id,
        lease=Lease(store, Holder.of(now, os.getppid())),
        recordings=paths.private(paths.var_directory() / "recordings"),
        since_ms=now.since_ms,
    )
    try:
        runner.run()
    except LeaseError as error:
        log.warning("session %s is over: %s", now.id, error)
        session.cancel(now, str(error))  # supervisord sees it and stops the other programs
