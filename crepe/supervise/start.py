"""Start the programs of an experiment and wait until all of them run, or stop them again."""

# Decision 4: why a start gives up and a program does not.

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from crepe.config.disk_space import LEAST_S, check_room, disk_message
from crepe.config.dry_run.dry_run import dry_run
from crepe.config.experiment import Experiment
from crepe.config.machines import MAIN
from crepe.config.services import has_heartbeat
from crepe.config.tables import DASHBOARD
from crepe.environment import paths, session
from crepe.environment.process_identity import ProcessIdentity
from crepe.errors import ConfigError, CrepeError, StoreError
from crepe.messages import GameState
from crepe.redis_server.check import must_fit
from crepe.redis_server.choice import choose
from crepe.redis_server.find_url import find_url
from crepe.runtime.heartbeat import is_from
from crepe.store import Store
from crepe.store.lease import wait_until_free
from crepe.store.redis_store import RedisStore
from crepe.supervise import control
from crepe.supervise.machines.join import check_joining
from crepe.web.links import Links, links_in, server_file

DRAIN_S = 30.0

_START_S = 60.0
_SERVER_S = 5.0  # in which a server that others run must answer
_POLL_S = 0.1


def _ignore(_: float) -> None: ...


@contextmanager
def running(
    experiment: Experiment,
    *,
    take_over: bool = False,
    length_s: float = LEAST_S,
    reached: Callable[[float], None] = _ignore,
) -> Iterator[Store]:
    """Run the experiment's programs in a new session while the block lasts.

    `take_over`, `length_s` and `reached` are those of `up`.

    SIGTERM, and SIGHUP when a terminal or an SSH connection is lost, interrupt as Ctrl-C does.
    """
    _must_have_supervisord()
    control.must_be_down()  # programs that another command has started are not ours to stop
    with _interrupts() as end_undisturbed:
        try:
            with up(
                experiment,
                experiment.path,
                "new",
                take_over=take_over,
                length_s=length_s,
                reached=reached,
            ) as store:
                yield store
        finally:
            end_undisturbed()
            _check_recorded(control.down())


def up(
    experiment: Experiment,
    path: Path | None,
    session_is: Literal["new", "resume", ""],
    *,
    take_over: bool = False,
    foreground: bool = False,
    length_s: float = LEAST_S,
    reached: Callable[[float], None] = _ignore,
) -> Store:
    """Start the programs and return the store once every actor runs.

    Parameters
    ----------
    path
        The experiment's file; None for the default one.
    session_is
        `new`, or `resume` for the unfinished session; empty on a further machine, which joins one.
    take_over
        End a session of the same culture that runs elsewhere on the server.
    foreground
        Become supervisord instead of starting one; does not return.
    length_s
        Length of recording that must fit on the disk; a caller that ends by itself knows it.
    reached
        Receives the number of programs that are ready, again and again.

    Raises
    ------
    LeaseError
        Another session has the culture, and `take_over` is False.
    DeviceError
        What is recorded in `length_s` does not fit on the disk.
    CrepeError
        A program does not start; the text has the end of its log. All programs are stopped again
        then, as they are after Ctrl-C.
    """
    _must_have_supervisord()
    experiment.check_tokens()
    for note in dry_run(experiment):
        print(f"note: {note}", file=sys.stderr)
    check_room(paths.var_directory(), experiment, length_s)
    if experiment.machine != MAIN:
        joining = check_joining(experiment, paths.var_directory())
        for note in (*joining.notes, joining.clocks):
            print(f"note: {note}", file=sys.stderr)
    else:
        _check_server(experiment.name, take_over=take_over)
        print(disk_message(paths.var_directory(), experiment), file=sys.stderr)
    with _interrupts() as end_undisturbed:
        control.up(
            experiment.programs,
            path,
            session_is=session_is,
            foreground=foreground,
            environment={
                "CREPE_MACHINE": experiment.machine,
                **({"CREPE_TAKE_OVER": "1"} if take_over else {}),
            },
        )
        try:
            return _ready(experiment, reached)
        except BaseException:
            end_undisturbed()
            control.down()
            raise


def _check_recorded(stopped: control.Stopped) -> None:
    """Raise CrepeError if the recording lacks something; print it beside another such error."""
    if not stopped.unrecorded:
        return
    if isinstance(sys.exc_info()[1], CrepeError):
        print(stopped.unrecorded, file=sys.stderr)
    else:
        raise CrepeError(stopped.unrecorded)


def page_links(experiment: Experiment) -> Links | None:
    """Wait for the live page of the running experiment; return its links, or None without one."""
    deadline = time.monotonic() + _START_S
    while experiment.dashboard is not None and time.monotonic() < deadline:
        if (now := links_now()) is not None:
            return now
        time.sleep(_POLL_S)
    return None


def links_now() -> Links | None:
    """Return the links to the live page that is served now; None if there is none."""
    content = paths.read_json(paths.run_directory() / server_file(DASHBOARD)) or {}
    # The file may be that of a page that has ended; its successor may have another port.
    page = ProcessIdentity.read(content).key
    is_served = content and any(program.process.key == page for program in control.status())
    return links_in(content) if is_served else None


@contextmanager
def _interrupts() -> Iterator[Callable[[], None]]:
    """Make SIGINT, SIGTERM and SIGHUP raise KeyboardInterrupt while the block lasts.

    The first two also where a shell had them ignored, the third unless `nohup` did. Yields a
    function that makes them ignored from then on: a second Ctrl-C must not leave a process behind.
    """
    numbers = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        numbers.append(signal.SIGHUP)
    before = {number: signal.getsignal(number) for number in numbers}

    def handle(by: Mapping[signal.Signals, Any]) -> None:
        if threading.current_thread() is threading.main_thread():  # no other gets signals
            for number in numbers:
                signal.signal(number, by[number])

    handle(dict.fromkeys(numbers, signal.default_int_handler))
    try:
        yield lambda: handle(dict.fromkeys(numbers, signal.SIG_IGN))
    finally:
        handle(before)


def _check_server(culture: str, *, take_over: bool) -> None:
    """Raise StoreError without a Redis server: supervisord would try to start it for ever.

    One that CREPE_REDIS names must be able to do all that CREPE needs. Raises LeaseError if another
    session has the culture there.
    """
    url = choose().url
    if url is None:
        return
    for note in must_fit(url, culture, _SERVER_S):
        print(f"note: {note}", file=sys.stderr)
    with closing(RedisStore(url, culture=culture, patience_s=_SERVER_S)) as store:
        if not take_over:
            last = session.current()
            wait_until_free(store, last.id if last else "")


def _ready(experiment: Experiment, reached: Callable[[float], None]) -> Store:
    deadline = time.monotonic() + _START_S
    now = session.current()
    names = [program.name for program in experiment.programs if has_heartbeat(program.name)]
    states: dict[str, str] = {}
    store = None
    while True:
        programs = control.status()
        control.must_start(programs)
        if store is None:
            with suppress(StoreError):
                url = find_url(is_ours=True)
                store = Store(url, culture=experiment.name, patience_s=_START_S)
        else:
            processes = {program.name: program.process for program in programs}
            states = {
                name: beat["state"]
                for name, beat in store.actors().items()
                if now
                and beat.get("session") == now.id
                and name in processes
                and is_from(beat, processes[name])
            }
            # What another machine writes is not waited for: that machine may join later.
            n_late = sum(
                state not in ("running", "ended")
                and not (experiment.machines and state.startswith("waiting for"))
                for state in (states.get(name, "") for name in names)
            )
            reached(len(programs) - n_late)
            if n_late == 0:
                return store
        if time.monotonic() > deadline:
            rows = ", ".join(f"{name} ({states.get(name, 'no heartbeat')})" for name in names)
            log = paths.var_directory() / "log"
            raise CrepeError(f"after {_START_S:.0f} s not all programs run: {rows}; see {log}")
        time.sleep(_POLL_S)


def recording_path() -> Path | None:
    """Return the path of the current session's recording; None before the first session."""
    now = session.current()
    return paths.var_directory() / "recordings" / f"{now.id}.h5" if now else None


def wait_until_recorded(store: Store, experiment: Experiment) -> None:
    """Wait until each recorder has the game's last message; `down` stops the rest in order."""
    games = [stream for stream in experiment.streams_of(GameState) if stream in store]
    last = max((len(store[stream]) for stream in games), default=0)
    deadline = time.monotonic() + DRAIN_S
    while time.monotonic() < deadline:
        beats = store.actors()
        programs = {experiment.program_of[name] for name in experiment.recorders}
        recorders = [beats[name] for name in programs if name in beats]
        if all(int(beat["position"]) >= last for beat in recorders):
            return
        time.sleep(0.1)


def _must_have_supervisord() -> None:
    if find_spec("supervisor") is None:
        raise ConfigError(
            "an experiment needs supervisord, which runs on Linux, macOS and WSL; without it CREPE "
            "reads streams and recordings"
        )
