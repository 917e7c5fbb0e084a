"""Faults in a stack that runs, one after another, as its seed gives them."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import NamedTuple

import numpy as np
import psutil
from numpy.typing import NDArray

from benchmarks.chaos.deaths import LOOP, Deaths
from benchmarks.chaos.disk import fill, is_appending
from benchmarks.soak import Soak
from crepe.config.experiment import load_experiment
from crepe.environment import session
from crepe.errors import CrepeError, StoreError
from crepe.messages import Segment
from crepe.store import Store
from crepe.supervise import control

TICKS_PER_S = 50_000  # of the simulated instrument
TRAIN_PAUSE = 5000  # ticks; longer than between two pulses of a train
REQUESTS = "result:stimuli"
INSTRUMENT = "instrument"  # that obeys late; no death of a program
BACK_S = 90.0  # in which samples must go on after a fault
NEWBORN_S = 1.0
SILENCE_S = 0.5  # lag of the requests after which a train is stopped


class Kept(NamedTuple):
    """A segment that Redis held right before its session was ended in good order."""

    session: str
    start: int
    samples: NDArray[np.int32]


class Chaos:
    """One stack and the faults in it; `run` ends with everything down.

    Parameters
    ----------
    fills_disk
        Whether `var` is on a disk of its own, which may be filled.

    Attributes
    ----------
    n_faults
        How often each kind was tried.
    deaths
        Of programs of the loop, while pulses could flow.
    kept
        Samples in Redis, to be compared with the recordings.
    """

    def __init__(
        self, var: Path, experiment: Path, random: Random, *, fills_disk: bool = False
    ) -> None:
        self.var = var
        self.soak = Soak(var)
        self.n_faults: Counter[str] = Counter()
        self.kept: list[Kept] = []
        self._experiment = experiment
        self._random = random
        self._fills_disk = fills_disk
        self._n_newborn = self._n_stuck = self._n_left = 0
        self._n_refused_starts = self._n_resumed_ends = 0
        loaded = load_experiment(experiment)
        self._name, self._has_culture = loaded.name, "stimulate" in loaded.actors
        self.deaths = Deaths(var, self._name, REQUESTS)

    def run(self, seconds: float) -> None:
        """Start the stack, put faults into it, and take it down."""
        kinds: list[tuple[float, Callable[[], None]]] = [
            (10, self._kill),
            (4, self._kill_newborn),
            (4, self._freeze),
            (0.3, self._kill_supervisord),
            (0.3, self._kill_everything),
            (0.3, self._end_in_good_order),
        ]
        if self._has_culture:
            kinds.append((3, self._disturb_network))
        if self._fills_disk:
            kinds.append((0.5, self._fill_disk))
        weights, faults = zip(*kinds, strict=True)
        self._start("--new")
        try:
            self._try(seconds, weights, faults)
        finally:
            self._stop()

    def _try(
        self, seconds: float, weights: Sequence[float], faults: Sequence[Callable[[], None]]
    ) -> None:
        end_s = time.monotonic() + seconds
        while time.monotonic() < end_s:
            (fault,) = self._random.choices(faults, weights)
            fault()
            self.n_faults[fault.__name__.strip("_")] += 1
            if self.n_faults.total() % 20 == 0:
                self._must_go_on()
            time.sleep(self._random.uniform(0.2, 2.0))
            if self._has_culture:
                self.soak.look()
        self._must_go_on()

    def figures(self) -> dict[str, float]:
        """Return what is known without a look at the recordings."""
        return {
            "faults": self.n_faults.total(),
            "programs killed in their first second": self._n_newborn,
            "ends that asked for a resume, which recorded the rest": self._n_resumed_ends,
            "must be 0: times the samples did not go on": self._n_stuck,
            "must be 0: processes left": self._n_left,
            "must be 0: starts that failed": self._n_refused_starts,
        }

    # Faults

    def _kill(self) -> None:
        name, pid = self._any_program()
        self._die(name, lambda: _send(pid, signal.SIGKILL))

    def _kill_newborn(self) -> None:
        name, pid = self._any_program()
        self._die(name, lambda: _send(pid, signal.SIGKILL))
        deadline_s = time.monotonic() + 15
        before_s = time.monotonic()  # when the new life had not begun yet
        while before_s < deadline_s:
            looked_s = time.monotonic()
            now = dict(self._programs()).get(name, 0)
            if now not in (0, pid):
                time.sleep(self._random.uniform(0, 0.7))
                _send(now, signal.SIGKILL)
                self._n_newborn += time.monotonic() - before_s < NEWBORN_S
                return
            before_s = looked_s
            time.sleep(0.01)

    def _freeze(self) -> None:
        name, pid = self._any_program()
        lasts_s = self._random.choice((0.2, 1.0, 4.0))
        self._die(name, lambda: _send(pid, signal.SIGSTOP), lasts_s)
        time.sleep(lasts_s)
        _send(pid, signal.SIGCONT)

    def _disturb_network(self) -> None:
        faults: tuple[dict[str, object], ...] = (
            *({"drop": True}, {"stall_s": 0.4}, {"truncate_bytes": 1000}),
            *({"errors": 2}, {"late": 2, "late_s": 0.6}, {"cut_s": 3.0}),
        )
        fault = self._random.choice(faults)
        if "late" in fault or "cut_s" in fault:
            self.deaths.note(INSTRUMENT, lambda: self.soak.fault(fault), 0.0)
        else:
            self.soak.fault(fault)

    def _fill_disk(self) -> None:
        ballast = self.var / "ballast"
        fill(ballast)
        time.sleep(self._random.choice((0.5, 3.0, 12.0)))
        ballast.unlink()
        if not is_appending(self.var):
            self._n_stuck += 1
            print("the append-only file does not go on", flush=True)

    def _kill_supervisord(self) -> None:
        supervisor = control.running()
        if supervisor is not None:
            pid = supervisor.process.pid
            self._die("supervisord", lambda: _send(pid, signal.SIGKILL))
        self._wait_until_all_are_gone()
        self._start("--resume")

    def _kill_everything(self) -> None:
        self._die("everything", self._kill_all)
        self._wait_until_all_are_gone()
        self._start("--resume")

    def _end_in_good_order(self) -> None:
        self._must_go_on()
        self._stop()
        self._start("--new")

    # The stack

    def _crepe(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "crepe", *words], capture_output=True, text=True, check=False
        )

    def _start(self, how: str) -> None:
        done = self._crepe("up", str(self._experiment), how)
        if done.returncode:
            self._n_refused_starts += 1
            print(f"crepe up {how}: {done.stdout}{done.stderr}", flush=True)
            self._crepe("down")
            self._crepe("up", str(self._experiment), "--new")

    def _stop(self) -> None:
        self._keep()
        done = self._crepe("down")
        if "crepe up --resume" in done.stderr:  # its recorder had been killed a moment ago
            self._n_resumed_ends += 1
            self._start("--resume")
            done = self._crepe("down")
        if done.returncode:
            self._n_refused_starts += 1
            print(f"crepe down: {done.stdout}{done.stderr}", flush=True)
        self._n_left += len(self._pids())

    def _keep(self) -> None:
        with Store(culture=self._name, patience_s=60) as store:
            data = store["data"]
            stop = len(data)
            start = max(data.first, stop - 300_000)
            segments = [m for m in data.messages(start, stop) if isinstance(m, Segment)]
        now = session.current()
        assert now is not None
        for segment in segments[:: max(1, len(segments) // 500)]:
            self.kept.append(Kept(now.id, segment.start, segment.samples))

    def _must_go_on(self) -> None:
        """Wait until samples are acquired and recorded again."""
        deadline = time.monotonic() + BACK_S
        with Store(culture=self._name, patience_s=60) as store:
            before = self._length(store)
            while self._length(store) < before + 5000:
                if time.monotonic() > deadline:
                    self._n_stuck += 1
                    print(f"samples do not go on: {control.status()}", flush=True)
                    return
                time.sleep(0.1)

    def _length(self, store: Store) -> int:
        try:
            return len(store["data"])
        except (StoreError, KeyError):
            return 0

    def _programs(self) -> list[tuple[str, int]]:
        try:
            return [(program.name, program.pid) for program in control.status() if program.pid]
        except (CrepeError, OSError):
            return []

    def _any_program(self) -> tuple[str, int]:
        while not (programs := self._programs()):
            time.sleep(0.1)
        return self._random.choice(programs)

    def _pids(self) -> list[int]:
        pids = []
        for process in psutil.process_iter(["environ"]):
            environment = process.info["environ"] or {}
            if environment.get("CREPE_VAR") == str(self.var) and process.pid != os.getpid():
                pids.append(process.pid)
        return pids

    def _wait_until_all_are_gone(self) -> None:
        deadline = time.monotonic() + 30
        while (pids := self._pids()) and time.monotonic() < deadline:
            time.sleep(0.1)
        self._n_left += len(pids)

    def _die(self, name: str, act: Callable[[], None], lasts_s: float | None = None) -> None:
        if self._has_culture and name in (*LOOP, "supervisord", "everything"):
            self.deaths.note(name, act, lasts_s)
        else:
            act()

    def _kill_all(self) -> None:
        for pid in self._pids():
            _send(pid, signal.SIGKILL)


def _send(pid: int, number: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)
