"""What `crepe run NAME` becomes: an actor's runner, or one of the programs that are no actors."""

import logging
import os
import sys
from collections.abc import Callable, Mapping

from crepe import config, places, redis_server, session
from crepe.errors import ConfigError, LeaseError
from crepe.parent import end_if_orphan

log = logging.getLogger(__name__)

_SENSOR_PATIENCE_S = 2.0  # a sensor that has shown a frame is not kept waiting


def main(program: str) -> None:
    """Be one program of the experiment in CREPE_EXPERIMENT, and log to stdout."""
    logging.basicConfig(
        level=logging.INFO,
        stream=sys.stdout,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    end_if_orphan()  # again: it may have died while this was loaded
    run(config.load(places.experiment_path(), only=program), program)


def run(experiment: config.Experiment, program: str) -> None:
    """Be one program of an experiment until told to stop. Raises ConfigError for a wrong name."""
    no_actors: Mapping[str, Callable[[config.Experiment], None]] = {
        "redis": _run_redis,
        "culture": _run_culture,
        "sensor": _run_sensor,
        "dashboard": _run_dashboard,
        "hand": _run_hand,
        "watchdog": _run_watchdog,
    }
    if program in no_actors:
        no_actors[program](experiment)
    else:
        _run_actor(experiment, program)


def _run_redis(experiment: config.Experiment) -> None:
    table = experiment.redis
    redis_server.run(table.append_only, table.maxmemory_mb, table.port, places.var_directory())


def _run_culture(experiment: config.Experiment) -> None:
    from crepe.simulator.server import serve

    if experiment.culture.simulated is None:
        raise ConfigError(f"{experiment.path}: no [culture.simulated] table to simulate from")
    serve(experiment.culture.simulated, places.run_directory())


def _run_watchdog(experiment: config.Experiment) -> None:
    from crepe.store import Store
    from crepe.store.locate import find_url
    from crepe.watchdog import Watchdog

    def tell(text: str) -> None:  # on a thread that ends with the program
        url = find_url(patience_s=float("inf"), is_ours=True)
        with Store(url, culture=experiment.name, patience_s=float("inf")) as store:
            store.say("watchdog", text, stream="control", sender="watchdog")

    Watchdog(places.run_directory(), tell).run()


def _run_sensor(experiment: config.Experiment) -> None:
    from crepe.door import Door
    from crepe.http_token import check_token
    from crepe.parent import serve
    from crepe.store.locate import find_url
    from crepe.store.redis_store import RedisStore

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
    opened = Door(
        table,
        follows,
        says,
        session=now.id,
        since_ms=now.since_ms,
        run_directory=places.run_directory(),
        token=token,
    )
    serve(opened.run, opened.server.stop)


def _run_dashboard(experiment: config.Experiment) -> None:
    from crepe.dashboard.program import Dashboard
    from crepe.dashboard_settings import DASHBOARD
    from crepe.http_token import check_token
    from crepe.parent import serve

    experiment = config.load(experiment.path)  # all of it: what it can do is shown
    table = experiment.dashboard
    if table is None:
        raise ConfigError(f"{experiment.path}: no [dashboard] table to show a page for")
    token = check_token(DASHBOARD, table.host)
    page = Dashboard(experiment, table, token, places.var_directory())
    serve(page.run, page.server.stop)


def _run_hand(experiment: config.Experiment) -> None:
    from crepe.sensor import hand

    if experiment.hand is None or experiment.sensor is None:
        raise ConfigError(f"{experiment.path}: no [hand] and [sensor] tables to show a hand by")
    hand.run(experiment.hand, experiment.sensor, experiment.seed)


def _session() -> session.Session:
    """Return the session that runs. Raises ConfigError before the first."""
    now = session.current()
    if now is None:
        raise ConfigError("no session has begun; start the programs with `crepe up`")
    return now


def _run_actor(experiment: config.Experiment, program: str) -> None:
    from crepe.lease import Holder, Lease
    from crepe.runner import Runner
    from crepe.store.locate import find_url
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
        recordings=places.private(places.var_directory() / "recordings"),
        since_ms=now.since_ms,
    )
    try:
        runner.run()
    except LeaseError as error:
        log.warning("session %s is over: %s", now.id, error)
        session.cancel(now, str(error))  # supervisord sees it and stops the other programs
