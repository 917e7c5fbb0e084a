"""Tables of an experiment file that must agree with each other."""

import re
import socket
from collections.abc import Iterator, Mapping
from contextlib import suppress
from importlib.util import find_spec
from typing import TYPE_CHECKING

from crepe.actors.actor import Source
from crepe.actors.stimulate import Stimulate
from crepe.config.machines import wrong_machines
from crepe.config.mistakes import Mistakes
from crepe.config.services import SERVICES, rhx_devices
from crepe.config.shards import check_shards
from crepe.config.tables import LOCKSTEP_SEGMENTS, SENSOR_PORT
from crepe.culture.contract import CellNetwork
from crepe.culture.settings import NETWORK
from crepe.environment.installation import pip_install
from crepe.errors import ConfigError, suggest
from crepe.hw.device import address
from crepe.hw.entry_points import import_class
from crepe.hw.rhx.settings import SIMULATOR, host_and_port
from crepe.messages import GameState

if TYPE_CHECKING:
    from crepe.config.experiment import Experiment

_LOCAL = ("127.0.0.1", "localhost", "::1", "[::1]")
_OF_RHX = range(5000, 5003)  # commands, waveforms, spikes
_PROGRAM = re.compile(r"[a-z0-9_-]+")


def check_consistency(experiment: "Experiment", mistakes: Mistakes) -> None:
    """Add to `mistakes` the tables that contradict each other; skip what is wrong by itself."""
    is_whole = len(experiment.actors) == len(experiment.actor_tables)
    chain_of: dict[str, str] = {}
    for name in experiment.chains:
        with mistakes.collect():
            _check_chain(experiment, name, chain_of)
    _check_retention(experiment, mistakes)
    if (simulated := experiment.culture.simulated) and simulated.network != NETWORK:
        with mistakes.collect():
            place = f"{experiment.path}: [culture.simulated] network"
            import_class(simulated.network, CellNetwork, place)
    if mistakes.left_out.isdisjoint({"sensor", "simulated_sensor"}):
        mistakes.add(*_wrong_players(experiment))
        if is_whole:
            mistakes.add(*_wrong_gateway(experiment))
    if is_whole:
        mistakes.add(*_stimuli_too_late(experiment))
    mistakes.add(*_ports_of_rhx(experiment))
    if mistakes.left_out.isdisjoint({"machines", "chains"}):
        mistakes.add(*wrong_machines(experiment))
    if experiment.rpyc is not None and find_spec("rpyc") is None:
        mistakes.add(f"{experiment.path}: [rpyc]: needs the package rpyc: {pip_install('rpyc>=6')}")
    if is_whole and not mistakes:
        check_shards(experiment, mistakes)
    if is_whole and mistakes.left_out.isdisjoint({"culture", "chains"}):
        with mistakes.collect():
            _check_lockstep(experiment)


def check_name(name: str, place: str) -> None:
    """Raise ConfigError for a name that supervisord or the file system could not take."""
    if name in SERVICES:
        raise ConfigError(f"{place}: the name is taken by another program")
    if not _PROGRAM.fullmatch(name):
        raise ConfigError(f"{place}: {name!r} is no program's name; allowed are a-z, 0-9, _ and -")


def _check_chain(experiment: "Experiment", name: str, chain_of: dict[str, str]) -> None:
    """Raise ConfigError for a chain out of order, of unknown actors, or of another's actors.

    `chain_of` has the chains so far by actor, and receives this one.
    """
    chain, tables = experiment.chains[name], experiment.actor_tables
    place = f"{experiment.path}: [chains.{name}]"
    check_name(name, place)
    in_order = [actor for actor in experiment.actors if actor in chain]
    if sorted(in_order) == sorted(chain) and in_order != list(chain):
        order = ", ".join(in_order)
        raise ConfigError(f"{place}: must be in the order of the flow: {order}")
    if name in tables:
        raise ConfigError(f"{place}: the name is taken by another program")
    for actor in chain:
        if actor not in tables:
            raise ConfigError(f"{place}: no actor {actor!r}{suggest(actor, tables)}")
        if actor in chain_of:
            raise ConfigError(f"{place}: {actor!r} is in [chains.{chain_of[actor]}] already")
        chain_of[actor] = name


def _check_retention(experiment: "Experiment", mistakes: Mistakes) -> None:
    """Add the streams in `[redis]` that no actor writes."""
    written = [stream for actor in experiment.actors.values() for stream in actor.writes.values()]
    written += experiment.streams_without(experiment.actors)
    for table in ("keep_of", "keep_bytes_of"):
        for name in getattr(experiment.redis, table):
            if name not in written:
                near = suggest(name, written)
                mistakes.add(f"{experiment.path}: [redis.{table}]: no actor writes {name!r}{near}")


def _check_lockstep(experiment: "Experiment") -> None:
    """Raise ConfigError where simulated time could run past an actor that it waits for, or stop.

    Both halves of a simulated instrument must share a process, no stimulus may be due earlier
    than the lag that is allowed, and the lag must hold the segments that the instrument is ahead.
    """
    simulated = experiment.culture.simulated
    if simulated is None or simulated.lockstep_s is None:
        return
    place = f"{experiment.path}: [culture.simulated] lockstep_s: {simulated.lockstep_s:g} s"
    if not experiment.can_stimulate:
        raise ConfigError(f"{place}, but nothing stimulates")
    ends = [n for n, a in experiment.actors.items() if issubclass(a.kind, Source | Stimulate)]
    if not any(set(ends) <= set(chain) for chain in experiment.chains.values()):
        raise ConfigError(f"{place}, but no [chains.NAME] holds {' and '.join(ends)}")
    for name, actor in experiment.actors.items():
        settings = actor.make()
        delay_s = getattr(settings, "delay_s", None)
        if delay_s is not None and delay_s < simulated.lockstep_s:
            raise ConfigError(f"{place}, more than [actors.{name}] delay_s: {delay_s:g} s")
        n_samples = getattr(settings, "segment_samples", None) or 0
        rate_hz = simulated.sampling_rate_hz
        if LOCKSTEP_SEGMENTS * n_samples > round(simulated.lockstep_s * rate_hz):
            raise ConfigError(
                f"{place}, less than {LOCKSTEP_SEGMENTS} segments of [actors.{name}] "
                f"segment_samples: {n_samples} at {rate_hz} Hz"
            )


def _stimuli_too_late(experiment: "Experiment") -> Iterator[str]:
    """Yield each actor whose stimuli are due when the gate refuses them for their age."""
    for name, stimulate in experiment.actors.items():
        if not issubclass(stimulate.kind, Stimulate):
            continue
        max_age_ms = stimulate.make().max_age_ms  # type: ignore[attr-defined]  # a Stimulate
        for requester, actor in experiment.actors.items():
            delay_s = getattr(actor.make(), "delay_s", None)
            is_read = not set(actor.writes.values()).isdisjoint(stimulate.reads[1:])
            if is_read and delay_s is not None and delay_s * 1000 > max_age_ms:
                yield (
                    f"{experiment.path}: [actors.{requester}] delay_s: {delay_s:g} s, but "
                    f"[actors.{name}] refuses stimuli that are older than {max_age_ms:g} ms"
                )


def _ports_of_rhx(experiment: "Experiment") -> Iterator[str]:
    """Yield why the sensor gateway cannot have its port beside an RHX on this machine.

    RHX listens for a click's client only, so the gateway would take its port meanwhile.
    """
    table, places = experiment.sensor, []
    for url in rhx_devices(experiment).values():
        with suppress(ConfigError):
            location = address(url).location
            host, port = (_LOCAL[0], 0) if location == SIMULATOR else host_and_port(location)
            places.append((host, port))
    own = [port for host, port in places if host in _LOCAL or host.startswith("127.")]
    port = SENSOR_PORT if table is None or table.port is None else table.port
    if table is None or not own or port not in {*_OF_RHX, *own}:
        return
    free = next(p for p in range(_OF_RHX[0] + 10, 65536) if p not in own and _is_free(p))
    yield (
        f"{experiment.path}: [sensor] port: {port}, but RHX on this machine has "
        f"{_OF_RHX[0]} to {_OF_RHX[-1]}; port = {free} is free"
    )


def _is_free(port: int) -> bool:
    with suppress(OSError), socket.create_server(("127.0.0.1", port)):
        return True
    return False


def _wrong_players(experiment: "Experiment") -> Iterator[str]:
    """Yield what is wrong with players without input, and with sensors of unknown gestures."""
    for name, actor in experiment.actors.items():
        player, place = actor.settings.get("player"), f"{experiment.path}: [actors.{name}]"
        if player == "sensor" and experiment.sensor is None:
            yield f"{place} player: 'sensor', but there is no [sensor] table"
        if player in ("sensor", "person") and "input" not in actor.reads:
            yield f"{place} player: {player!r}, but it does not read 'input'"
        gestures = actor.settings.get("rates_hz")
        if player == "sensor" and experiment.sensor and isinstance(gestures, Mapping):
            for gesture in experiment.sensor.infrared.least_pixels:
                if gesture not in gestures:
                    yield (
                        f"{experiment.path}: [sensor.infrared] least_pixels: {gesture!r} is no "
                        f"gesture of [actors.{name}]{suggest(gesture, gestures)}"
                    )


def _wrong_gateway(experiment: "Experiment") -> Iterator[str]:
    """Yield what is wrong with a sensor gateway without results, or a sensor without gateway."""
    if experiment.simulated_sensor is not None and experiment.sensor is None:
        yield f"{experiment.path}: [simulated_sensor] has no [sensor] to send its frames to"
    if experiment.sensor is not None:
        results = experiment.streams_of(GameState)
        reads = experiment.sensor.reads
        if reads not in results:
            near = suggest(reads, results)
            yield f"{experiment.path}: [sensor] reads: {reads!r} is no game's stream{near}"
