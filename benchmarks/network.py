"""Network faults between two machines of one session, each a network namespace of this computer.

`python -m benchmarks.network` needs root, and network namespaces with a pair of virtual interfaces.
The simulated culture, the game, the stimulator and the server are on the main machine; filter,
detection, decoder and recorder are on machine B. In a second session the game alone is on B, and
the network is cut in the middle of its trains. It prints two tables in Markdown.
"""

import json
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.namespaces import MAIN, PORT, RELAY_PORT, Fault, Machine, Network, obstacle
from crepe.cli.scoreboard import latencies_ms
from crepe.config.experiment import load_experiment, save_experiment
from crepe.environment import paths
from crepe.hw.meame.http import SIMULATOR_FILE
from crepe.messages import Delivered
from crepe.redis_server.find_url import server
from crepe.redis_server.users import machine_password_file
from crepe.results.answers import FINAL
from crepe.store import Store

_TICKS_HZ = 50_000  # of the simulated instrument's clock
_LONGEST_S = 40.0  # in which B must have caught up
_LATER_S = 3.0
_RATE_HZ = 10_000  # of the default experiment
_CURRENT_S = 0.6  # B has caught up when its programs are no further behind

FAULTS = (
    Fault("none"),
    Fault("5 ms each way", delay_s=0.005),
    Fault("50 ms each way", delay_s=0.05),
    Fault("1 % of chunks lost", loss=0.01),
    Fault("100 Mbit/s", rate="100mbit"),
    Fault("10 Mbit/s", rate="10mbit"),
    Fault("cut for 2 s", 2.0, is_cut=True),
    Fault("cut for 20 s", 20.0, is_cut=True),
)


class Look(NamedTuple):
    """What the main machine's server had at one moment."""

    data: int  # sample index
    decided: int
    recorded: int
    missing: int  # samples, of all programs of B
    problem: str


def look(store: Store) -> Look:
    """Return the positions of the session."""
    beats = store.actors()
    b = [beats.get(name, {}) for name in ("pipeline", "record")]
    return Look(
        len(store["data"]),
        len(store["result"]),
        int(b[1].get("position", 0)),
        sum(int(beat.get("n_missing", 0)) for beat in b),
        beats.get("stimulate", {}).get("problem", ""),
    )


def measure(store: Store, network: Network, fault: Fault) -> Mapping[str, str]:
    """Let a fault last, and return a row of the table."""
    before, cursors = look(store), dict[str, int]()
    latencies_ms(store, "data", "result", cursors)  # from here on
    network.begin(fault)
    disarmed = _during(fault.seconds, lambda: "NOT RECORDING" in look(store).problem)
    faulty = look(store)
    times = latencies_ms(store, "data", "result", cursors)
    network.end(fault)
    rate_hz = store["data"].info.sampling_rate_hz
    after_s = _current_after_s(store, round(_CURRENT_S * rate_hz))
    now = look(store)
    latency = "{:.1f} / {:.1f}".format(*np.percentile(times, (50, 99))) if times else "no decision"
    return {
        "network": fault.name,
        "acquired to decided, p50 / p99 ms": latency,
        "decoder behind at the end, s": f"{(faulty.data - faulty.decided) / rate_hz:.1f}",
        "recorder behind at the end, s": f"{(faulty.data - faulty.recorded) / rate_hz:.1f}",
        **{f"{who} current after, s": text for who, text in after_s.items()},
        "samples missing on B": str(now.missing - before.missing),
        "stimuli": _counted(_answers(store, before.data)),
        "recorder missed": "disarmed" if disarmed else "no",
    }


def _current_after_s(store: Store, n_samples: int) -> Mapping[str, str]:
    """Wait until decoder and recorder are at most so far behind; return how long each took."""
    began_s, after_s = time.monotonic(), dict[str, str]()
    while len(after_s) < 2 and (elapsed_s := time.monotonic() - began_s) < _LONGEST_S:
        now = look(store)
        for who, at in (("decoder", now.decided), ("recorder", now.recorded)):
            if now.data - at <= n_samples:
                after_s.setdefault(who, f"{elapsed_s:.1f}")
        time.sleep(0.1)
    return {who: after_s.get(who, f"over {_LONGEST_S:g}") for who in ("decoder", "recorder")}


def measure_stimulating(
    store: Store, network: Network, fault: Fault, main: Machine
) -> Mapping[str, str]:
    """Cut the network in the middle of a train, and return a row of the second table."""
    _await_train(store)
    began = len(store["data"])
    network.begin(fault)
    cut = pulses(main)["now"]
    time.sleep(fault.seconds)
    stimulated = [tick - cut for tick, *_ in pulses(main, cut)["pulses"]]
    rows = json.loads(main.crepe("status", "--json"))
    shown = {row["program"]: f"{row['state']}, {row['problem'] or 'no problem'}" for row in rows}
    network.end(fault)
    began_s = time.monotonic()
    _await_train(store)
    resumed_s = time.monotonic() - began_s
    time.sleep(_LATER_S)  # late requests are answered, too
    return {
        "network": fault.name,
        "last pulse after the cut, s": f"{max(stimulated, default=0) / _TICKS_HZ:.1f}",
        "shown at its end": shown["machine B"],
        "stimulates again after, s": f"{resumed_s:.1f}",
        "answers since": _counted(_answers(store, began)),
    }


def pulses(main: Machine, after: int = 0) -> Any:
    """Return what the simulated electrodes have received, and the instrument's present tick."""
    port = paths.read_json(paths.run_directory(main.var) / SIMULATOR_FILE)["http_port"]  # type: ignore[index]  # it runs
    return main.get_json(f"http://127.0.0.1:{port}/simulator/pulses?after={after}")


def _answers(store: Store, start: int, stop: int | None = None) -> list[Delivered]:
    messages = store["result:delivered"].messages(start, stop)
    return [message for message in messages if isinstance(message, Delivered)]


def _counted(answers: Sequence[Delivered]) -> str:
    states = Counter(str(answer.state) for answer in answers if answer.state in FINAL)
    return ", ".join(f"{n} {state}" for state, n in sorted(states.items())) or "none"


def _await_train(store: Store) -> None:
    """Wait until a train has begun that is not over."""
    deadline_s = time.monotonic() + _LONGEST_S
    while time.monotonic() < deadline_s:
        last = _answers(store, max(0, len(store["data"]) - 10 * _RATE_HZ))[-1:]
        if last and last[0].state not in FINAL:
            return
        time.sleep(0.02)
    answers = _counted(_answers(store, 0))
    raise SystemExit(f"no train within {_LONGEST_S:g} s, on a busy machine? Answers: {answers}")


def unanswered(recording: Store) -> list[int]:
    """Return the numbers of the requests that do not have exactly one final answer."""
    final = Counter(a.number for a in _answers(recording, 0) if a.state in FINAL)
    requests = recording["result:stimuli"].messages()
    return [r.number for r in requests if final[r.number] != 1]  # type: ignore[attr-defined]  # each a Stimulus


def _during(seconds: float, is_so: Callable[[], bool]) -> bool:
    """Return whether a condition held at any time of the next seconds."""
    deadline_s, held = time.monotonic() + seconds, False
    while time.monotonic() < deadline_s:
        held |= is_so()
        time.sleep(0.2)
    return held


def write_experiment(directory: Path, password: Path, of_b: Mapping[str, Any]) -> Path:
    """Write the default experiment, of which machine B has the tables `of_b`."""
    changes = {
        "redis.host": MAIN,
        "redis.port": PORT,
        "redis.plain_tcp": True,
        "dashboard": None,
        "sensor": None,
        "simulated_sensor": None,
        "actors.game.player": "script",
        "machines": {
            "B": {"redis": f"redis://127.0.0.1:{RELAY_PORT}", "password_file": str(password)}
        },
        **of_b,
    }
    path = directory / "network.json"
    save_experiment(load_experiment(None, changes), path)
    return path


@contextmanager
def two_machines(
    network: Network, directory: Path, of_b: Mapping[str, Any]
) -> Iterator[tuple[Store, Machine]]:
    """Run a session on two machines while the block lasts; yield its store and the main one."""
    directory.mkdir()
    password = directory / "password"
    file = str(write_experiment(directory, password, of_b))
    with ExitStack() as stack:
        network.end(Fault(""))
        main, b = Machine(network.main, directory / "a"), Machine(network.b, directory / "b")
        main.crepe("up", file)
        stack.callback(main.crepe, "down")
        shutil.copy(machine_password_file(paths.run_directory(main.var), "B"), password)
        settings = str(network.settings)
        relay = b.start("benchmarks.relay", MAIN, str(PORT), str(RELAY_PORT), settings)
        stack.callback(relay.wait)
        stack.callback(relay.terminate)
        b.crepe("up", file, "--machine", "B")
        content = server(main.var)
        assert content is not None
        with Store(content["url"], patience_s=60.0) as store:
            yield store, main


def recording(directory: Path) -> Path:
    """Return the path of a run directory's only recording."""
    (path,) = (directory / "recordings").glob("*.h5")
    return path


def run(network: Network, directory: Path) -> list[Mapping[str, str]]:
    """Run a session through all faults; return the rows of the first table."""
    of_b = {"chains.pipeline.machine": "B", "actors.record.machine": "B"}
    with two_machines(network, directory, of_b) as (store, _):
        measure(store, network, Fault("", 5.0))  # until B has caught up with the beginning
        rows = [_shown(measure(store, network, fault)) for fault in FAULTS]
    with Store(recording(directory / "b")) as recorded:
        data = recorded["data"]
        print(f"recorded on B: {len(data)} samples, gaps: {data.gaps() or 'none'}")
    return rows


def run_stimulating(network: Network, directory: Path) -> list[Mapping[str, str]]:
    """Cut the network under the trains of a game on B; return the rows of the second table."""
    of_b = {"actors.game.machine": "B", "actors.game.stimulation_s": 3.0}
    with two_machines(network, directory, of_b) as (store, main):
        cuts = [fault for fault in FAULTS if fault.is_cut]
        rows = [_shown(measure_stimulating(store, network, cut, main)) for cut in cuts]
    with Store(recording(directory / "a")) as recorded:
        wrong = unanswered(recorded)
        n = len(recorded["result:stimuli"].messages())
        print(f"{n} requests, without exactly one final answer: {wrong or 'none'}")
    return rows


def _shown(row: Mapping[str, str]) -> Mapping[str, str]:
    print(row, file=sys.stderr, flush=True)
    return row


def _table(rows: Sequence[Mapping[str, str]]) -> str:
    names = list(rows[0])
    lines = [names, ["---"] * len(names), *(list(row.values()) for row in rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def main() -> None:
    if reason := obstacle():
        print(f"skipped: {reason}")
        return
    only = sys.argv[1:]
    # Sockets need a short path.
    with tempfile.TemporaryDirectory(prefix="n") as name, Network(Path(name)).built() as network:
        for case in (run, run_stimulating):
            if not only or case.__name__ in only:
                print(_table(case(network, Path(name) / case.__name__)))


if __name__ == "__main__":
    main()
