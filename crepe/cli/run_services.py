"""What runs each service; `crepe.config.services` names these functions by import path.

A service imports what it needs when it runs: a dozen programs start at once.
"""

from crepe.cli.supervised import current_session
from crepe.config.program_part import ProgramPart
from crepe.environment import paths
from crepe.environment.process import end_if_orphan
from crepe.errors import ConfigError
from crepe.redis_server.server import run_server

_SENSOR_PATIENCE_S = 2.0  # a sensor that has sent a frame is not kept waiting


def run_redis(part: ProgramPart) -> None:
    """Run the Redis server, or watch the one that CREPE_REDIS names."""
    table = part.redis
    run_server(
        table.append_only,
        table.maxmemory_mb,
        table.port,
        paths.var_directory(),
        part.name,
        host=table.host,
        machines=part.machines,
    )


def run_culture(part: ProgramPart) -> None:
    """Run the simulated instrument and culture."""
    from crepe.simulator.meame.server import serve

    if part.culture.simulated is None:
        raise ConfigError(f"{part.path}: no [culture.simulated] table to simulate from")
    serve(part.culture.simulated, paths.run_directory())


def run_watchdog(part: ProgramPart) -> None:
    """Run the watchdog, which stops the instrument when the stimulator is silent."""
    from crepe.safety.watchdog import Watchdog

    def record(text: str) -> None:  # on a thread that ends with the program
        from crepe.redis_server.find_url import find_url
        from crepe.store import Store

        url = find_url(patience_s=float("inf"), is_ours=True)
        with Store(url, culture=part.name, patience_s=float("inf")) as store:
            store.send_command("watchdog", text, stream="control", sender="watchdog")

    Watchdog(paths.run_directory(), record).run()


def run_rhx(part: ProgramPart) -> None:
    """Run the program that has the only connection to Intan's RHX."""
    from crepe.actors.stimulate import Stimulate
    from crepe.config.dry_run.dry_run import sub_trains
    from crepe.config.experiment import load_experiment
    from crepe.config.services import rhx_devices
    from crepe.environment.process import serve_blocking
    from crepe.hw.device import address, open_stimulator
    from crepe.hw.instrument import InProcess
    from crepe.hw.rhx.service import RhxService
    from crepe.hw.rhx.session import RhxSession
    from crepe.hw.rhx.stimulator import RhxStimulator

    devices = rhx_devices(part)
    location, *others = {address(url).location for url in devices.values()}
    if others:
        raise ConfigError(f"{part.path}: devices {devices}, must be one RHX")
    experiment, run_directory = load_experiment(part.path), paths.run_directory()
    stimulates = [n for n in devices if issubclass(experiment.actors[n].kind, Stimulate)]
    session = RhxSession(location, run_directory)
    for name in stimulates:
        stimulator = open_stimulator(devices[name], InProcess())
        assert isinstance(stimulator, RhxStimulator)
        patterns = stimulator.patterns(sub_trains(experiment, name))
        settings = stimulator.settings
        session = RhxSession(
            location,
            run_directory,
            patterns,
            step_ua=settings.step_ua,
            rate_hz=settings.sampling_rate_hz,
        )
    service = RhxService(session, run_directory)
    serve_blocking(service.run, service.end)


def run_sensor(part: ProgramPart) -> None:
    """Run the sensor gateway, and with it a simulated sensor if the experiment has one."""
    from crepe.environment.process import serve
    from crepe.redis_server.find_url import find_url
    from crepe.sensor.program import SensorGateway
    from crepe.store.redis_store import RedisStore
    from crepe.web.token import required_token

    table = part.sensor
    if table is None:
        raise ConfigError(f"{part.path}: no [sensor] table to run the sensor gateway from")
    now = current_session()
    # The gateway blocks on one connection while it sends on the other.
    reading, sending = (
        RedisStore(
            find_url(patience_s=float("inf"), is_ours=True, meanwhile=end_if_orphan),
            culture=part.name,
            writer="sensor",
            patience_s=_SENSOR_PATIENCE_S,
        )
        for _ in range(2)
    )
    token = required_token("sensor", paths.run_directory())
    gateway = SensorGateway(
        table,
        reading,
        sending,
        session=now.id,
        since_ms=now.since_ms,
        run_directory=paths.run_directory(),
        token=token,
    )
    if part.simulated_sensor is not None:
        from crepe.sensor import simulated

        # A client as any other, over HTTP: its port is open already.
        simulated.start(part.simulated_sensor, table, part.seed, gateway.server.url, token)
    serve(gateway.run, gateway.server.stop)


def run_dashboard(part: ProgramPart) -> None:
    """Run the live page."""
    from crepe.config.experiment import load_experiment
    from crepe.config.tables import DASHBOARD
    from crepe.dashboard.program import Dashboard
    from crepe.environment.process import serve
    from crepe.web.token import required_token

    table = part.dashboard
    if table is None:
        raise ConfigError(f"{part.path}: no [dashboard] table to show a page from")
    token = required_token(DASHBOARD, paths.run_directory())
    experiment = load_experiment(part.path)  # the page shows what the whole experiment can do
    page = Dashboard(experiment, table, token, paths.var_directory())
    serve(page.run, page.server.stop)
