"""The doors of CREPE: each takes one random input, and returns whether that was accepted.

An error that a door may raise for a wrong input is caught here. Any other is a fault in CREPE.
"""

import contextlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from benchmarks.fuzz.gate import Stimuli
from benchmarks.fuzz.values import damaged, odd, odd_name, packed
from crepe.actors.actor import ActorContext
from crepe.actors.annotate import Annotate
from crepe.config.experiment import load_experiment
from crepe.environment.process_identity import ProcessIdentity
from crepe.errors import ConfigError, CrepeError, DeviceError, StoreError
from crepe.games.rock_paper_scissors import RockPaperScissors
from crepe.hw.meame import wire
from crepe.hw.meame.connection import Answer
from crepe.hw.meame.http import HttpControl, Server
from crepe.messages import (
    Activity,
    Command,
    Decision,
    Delivered,
    GameState,
    Message,
    Segment,
    Spikes,
    Stimulus,
    StreamInfo,
)
from crepe.safety import arming
from crepe.safety.protocol import datagrams
from crepe.safety.protocol.announcement import INSTRUMENT_FILE, Instrument, announced
from crepe.store import codec
from crepe.store.redis_fields import entry_from, info_fields, info_from, unclocked_from

Door = Callable[[Random], bool]

_MESSAGES: list[Message] = [
    Segment(0, 10, np.arange(60, dtype=np.int32).reshape(6, 10)),
    Spikes(0, 10, np.array([1], np.int32), np.array([3]), np.array([1.0], np.float32)),
    Activity(0, 10, *(np.ones(3, np.float32) for _ in range(3)), np.ones(3, np.int32)),
    Decision(0, 10, "rock", {"rock": 1.0}),
    GameState(0, 10, 1, "rest", score={"won": 1}, phases={"rest": 5}),
    Stimulus(8, 9, 1, 20, ("48",), ((-10.0, 200.0), (10.0, 200.0)), 20.0, 4),
    Delivered(8, 9, 1, "refused", "110 ms old", stream="result:stimuli"),
    Command(0, 10, "frame", "", "sensor 1", ((1.0, 2.0),)),
]
_PAYLOADS = [(type(m), codec.pack([m], 0, 10)) for m in _MESSAGES]


def decode(r: Random) -> bool:
    """Decode an entry's payload, as a reader of a stream does."""
    kind, payload = r.choice(_PAYLOADS)
    match r.randrange(4):
        case 0:
            payload = packed(r)
        case 1:
            kind, _ = r.choice(_PAYLOADS)
        case _:
            payload = damaged(r, payload)
    messages, unreadable = codec.read(kind, payload, 0, 10)
    return bool(messages) and not unreadable


def fields(r: Random) -> bool:
    """Read an entry, or the description of a stream, from fields of Redis."""
    if r.random() < 0.3:
        words = [word.encode() for word in info_fields(StreamInfo(labels=("48", "38")))]
        for _ in range(r.randrange(1, 4)):
            words[r.randrange(len(words))] = r.choice((b"", b"nan", b"[1]", b"\xff", b"9" * 5000))
        with contextlib.suppress(StoreError):
            info_from(dict(zip(words[::2], words[1::2], strict=True)))
            return True
        return False
    _, payload = r.choice(_PAYLOADS)
    words = [b"start", b"0", b"t_ns", b"5", b"session", b"s", b"writer", b"w", b"data", payload]
    for _ in range(r.randrange(3)):
        odd_words = (b"", b"x", b"-1", b"9" * 5000, b"\xff\xfe", b"gap", b"end", b"snapshot")
        words[r.randrange(len(words))] = r.choice(odd_words)
    identity = r.choice((b"10-0", b"10-1", b"10", b"-", b"", b"18446744073709551615-0", b"x-0"))
    with contextlib.suppress(StoreError):
        unclocked_from((identity, words))
        entry_from((identity, words))
        return True
    return False


_COMMANDS = "gesture frame note stop pause start condition player arm".split()


class Commands:
    """A game and the actor that annotates, which read what any program may write."""

    def __init__(self) -> None:
        info = StreamInfo(labels=("48",), message="Decision")
        context = ActorContext(inputs={"result": info}, outside=("input", "control"))
        self._game = RockPaperScissors(
            electrodes=("48",),
            rates_hz={"rock": 20.0, "paper": 40.0},
            player="person",
            phases=((-10.0, 200.0), (10.0, 200.0)),
        )
        self._game.open(context)
        self._annotate = Annotate()
        self._annotate.open(context)
        self._at = 0

    def __call__(self, r: Random) -> bool:
        names = [*_COMMANDS, "", "x" * 100]
        values: dict[str, Any] = {
            "name": r.choice(names),
            "value": r.choice(("rock", "sensor", "")),
        }
        for _ in range(r.randrange(3)):
            values[r.choice(("name", "value", "sender", "frame", "window", "x"))] = odd(r)
        try:
            payload = codec.pack_value([values])
        except (TypeError, ValueError, OverflowError):
            payload = packed(r)
        messages, unreadable = codec.read(Command, payload, 0, 0)
        self._at += 100
        for message in messages:
            list(self._game.step_from(r.choice(("input", "control")), message))
            self._annotate.step_from("control", message)
        list(self._game.step_from("result", Decision(self._at - 100, self._at, "rock")))
        return not unreadable


def datagram(r: Random) -> bool:
    """Read a datagram of the watchdog, the stimulator or a stop."""
    instrument = Instrument("7-abc", ProcessIdentity(7), "127.0.0.1", 9, "", ("game",))
    latch = datagrams.Latch(5, "crepe stop")
    whole: datagrams.Datagram = r.choice(
        (
            datagrams.Heartbeat(instrument, True, latch),
            datagrams.Answer("7-abc", "", 5, "8:1", latch),
            datagrams.Order("crepe stop"),
            datagrams.State(latch, instrument),
        )
    )
    data = datagrams.pack(whole)
    if r.random() < 0.5:
        data = damaged(r, data)
    else:
        content = json.loads(data)
        for _ in range(r.randrange(1, 3)):
            content[r.choice((*content, odd_name(r)))] = odd(r)
        with contextlib.suppress(TypeError, ValueError):
            data = json.dumps(content, default=str).encode()
    result = datagrams.unpack(data)
    if isinstance(result, datagrams.Heartbeat | datagrams.Answer):
        result.latch.merged(latch, 10)
        datagrams.pack(result)
    return result is not None


class ArmingFiles:
    """A run directory whose files hold anything."""

    def __init__(self, directory: Path) -> None:
        self._path = directory

    def __call__(self, r: Random) -> bool:
        instrument = Instrument("7-abc", ProcessIdentity.own(), "127.0.0.1", 9)
        armed = {"stimulator": "7-abc", "until_boot_ns": 2**62, "requesters": ["game"]}
        contents: Mapping[str, Mapping[str, Any]] = {
            INSTRUMENT_FILE: instrument.to_json(),
            arming.ARMED_FILE: armed,
            arming.STOPPED_FILE: {"by": "a stop", "at": "now"},
        }
        name = r.choice(list(contents))
        content = dict(contents[name])
        for _ in range(r.randrange(1, 3)):
            content[r.choice(list(content))] = odd(r)
        path = self._path / name
        with contextlib.suppress(TypeError, ValueError):
            text = json.dumps(content, default=str, skipkeys=True).encode()
            path.write_bytes(damaged(r, text) if r.random() < 0.5 else text)
        try:
            arming.stopped_by(self._path)
            arming.armed_s(self._path)
            with contextlib.suppress(ConfigError):
                announced(self._path)
            # Nothing here is an arming that can be: its end lies too far in the future.
            reason = arming.refusal(self._path, "7-abc", is_simulator=False, requesters=["game"])
            if reason is None:
                raise AssertionError(f"armed by {path.read_bytes()!r}")
        finally:
            path.unlink(missing_ok=True)
        return False


class _Answers:
    """A connection on which a server answers anything."""

    def __init__(self) -> None:
        self.answer = b""

    def request(self, *_: object) -> Answer:
        return Answer(200, self.answer, {})


class MeameAnswers:
    """MEAME's client, whose server answers anything."""

    def __init__(self) -> None:
        self._control = HttpControl(Server("127.0.0.1", 9, 0, "nonce"))
        self._answers = _Answers()
        self._control._connection = self._answers  # type: ignore[assignment]

    def __call__(self, r: Random) -> bool:
        content = r.choice(
            ({"values": [1, 2]}, {"values": [odd(r)]}, {odd_name(r): odd(r)}, odd(r))
        )
        try:
            whole = json.dumps(content, default=str, skipkeys=True).encode()
        except (TypeError, ValueError):
            whole = b"[" * r.choice((10, 100_000))
        self._answers.answer = damaged(r, whole) if r.random() < 0.4 else whole
        try:
            if self._control.is_our_simulator():
                raise AssertionError(f"proven by {self._answers.answer!r}")
            match r.randrange(4):
                case 0:
                    self._control.status()
                case 1:
                    self._control.acquisition()
                case 2:
                    self._control.truth(1, 0, 10)
                case _:
                    self._control.read([1, 2])
        except DeviceError:
            return False
        return True


def blocks(r: Random) -> bool:
    """Unpack a block of the data port of any length."""
    n = r.choice((0, 1, 10, 100))
    data = bytes(r.choice((wire.block_bytes(n), r.randrange(1000))))
    try:
        return wire.unpack_block(data, n).shape == (60, n)
    except ValueError:
        return False


class ExperimentFiles:
    """Experiment files with values that make no sense."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / "fuzz.toml"
        root = Path(__file__).parents[2] / "config"
        self._texts = [path.read_text(encoding="utf-8") for path in sorted(root.glob("*.toml"))]

    def __call__(self, r: Random) -> bool:
        lines = r.choice(self._texts).splitlines()
        places = [i for i, line in enumerate(lines) if "=" in line and line[:1] != "#"]
        for _ in range(r.randrange(1, 3)):
            at = r.choice(places)
            name, _, _ = lines[at].partition("=")
            values = (
                "nan",
                "inf",
                "-1",
                "0",
                '""',
                '"x"',
                "[]",
                "{}",
                "true",
                "1e308",
                "[[1]]",
                '"os:system"',
            )
            lines[at] = f"{name}= {r.choice(values)}"
        data = "\n".join(lines).encode()
        self._path.write_bytes(damaged(r, data) if r.random() < 0.2 else data)
        try:
            _ = load_experiment(self._path).programs
        except CrepeError:
            return False
        return True


def doors(directory: Path) -> Mapping[str, tuple[float, Door]]:
    """Return by name the share of all inputs that a door gets, and the door.

    `directory` is an empty one for their files.
    """
    return {
        "codec": (0.3, decode),
        "fields of Redis": (0.1, fields),
        "gate and pattern": (0.25, Stimuli()),
        "commands": (0.1, Commands()),
        "datagrams": (0.15, datagram),
        "arming files": (0.0395, ArmingFiles(directory)),
        "MEAME's answers": (0.05, MeameAnswers()),
        "MEAME's blocks": (0.01, blocks),
        "experiment files": (0.0005, ExperimentFiles(directory)),
    }
