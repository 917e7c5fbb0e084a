"""The tables of an experiment file other than its actors: one model per table."""

from collections.abc import Mapping
from datetime import date
from typing import Any, Literal, Self

from pydantic import (
    BaseModel,
    ByteSize,
    ConfigDict,
    Field,
    PositiveFloat,
    PositiveInt,
    field_validator,
    model_validator,
)

from crepe.conditions import Calibration, Conditions
from crepe.redis_server.find_url import CULTURE
from crepe.simulator.meame.settings import SimulatorSettings
from crepe.web.token import is_loopback

LOCKSTEP_SEGMENTS = 3
"""Segments that a simulated instrument in lock-step is ahead of the actors that request stimuli.

One for the request, one in which it is due, and one for a game whose steps do not fall on segments.
"""

DASHBOARD = "dashboard"

DASHBOARD_PORT = 8080

RPYC = "rpyc"

SENSOR_PORT = 5000

FRAME_SIDE = 8
"""Rows, and columns, of an AMG8833 (Panasonic Grid-EYE) frame."""


class Table(BaseModel):
    """Part of the file: unknown names, nan and infinity are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class RedisTable(Table):
    """`[redis]`: the server that CREPE runs."""

    host: str = "127.0.0.1"
    """Address that `port` listens on. Any other than this machine's needs `plain_tcp`, since the
    server has no TLS; a tunnel to other machines ends at this one and needs neither."""
    plain_tcp: bool = False
    """Let other machines in without encryption: only in a network that encrypts by itself, such as
    WireGuard."""
    append_only: bool = True
    """Write an append-only file; without it a killed server loses its streams, and only the
    recording has them."""
    maxmemory_mb: int = Field(1024, ge=64)
    """Memory ceiling of the server; all streams together take half of it."""
    port: int | None = Field(None, ge=0, le=65535)
    """TCP port on 127.0.0.1, which every user of this machine can read the streams by; by default
    6379, or the next that is free; 0: none."""
    keep_s: PositiveFloat = 300.0
    """Length of each stream that stays readable, if memory allows."""
    keep_of: dict[str, PositiveFloat] = Field(default_factory=dict)
    """Length of a stream that stays readable, in seconds, by the stream's name; instead of
    `keep_s`."""
    keep_bytes_of: dict[str, ByteSize] = Field(default_factory=dict)
    """Largest size of a stream, in bytes or as text such as "64 MB", by the stream's name."""

    @model_validator(mode="after")
    def _is_private(self) -> Self:
        if not is_loopback(self.host) and not self.plain_tcp:
            raise ValueError(
                f"host {self.host!r}: must be an address of this machine, such as 127.0.0.1, or "
                "plain_tcp = true"
            )
        return self

    def keep_of_s(self, stream: str) -> float:
        """Return how many seconds of a stream stay readable."""
        return self.keep_of.get(stream, self.keep_s)


class CultureTable(Table):
    """`[culture]`: the culture in the dish; goes into every recording."""

    id: str = ""
    """Name of the culture in the laboratory."""
    species: str = ""
    """Species of the cells, a Latin name for archives: "Rattus norvegicus"; left out for a
    simulated culture."""
    sex: Literal["", "F", "M", "U", "O"] = ""
    """Sex of the cells' donor: F, M, U (unknown) or O (other)."""
    cell_type: str = ""
    """Type of the cells, such as "cortical, E18"."""
    plating_date: date | None = None
    """Day on which the cells were plated."""
    mea_serial: str = ""
    """Serial number of the array."""
    medium: str = ""
    """Culture medium."""
    experimenter: str = ""
    """Person who runs the experiment."""
    lab: str = ""
    """Laboratory in which it runs."""
    institution: str = ""
    """Institution of the laboratory."""
    notes: str = ""
    """Anything else that belongs to the recording."""
    simulated: SimulatorSettings | None = None
    """The simulated culture; without this table the culture is a living one."""

    def flat(self) -> dict[str, str]:
        """Return the fields that are set, as text; a simulated culture has no species or sex."""
        values = self.model_dump(exclude={"simulated"}, exclude_none=True)
        if self.simulated is not None:
            values.pop("species", None)
            values.pop("sex", None)
        return {name: str(value) for name, value in values.items() if value != ""}


class ChainTable(Table):
    """`[chains.NAME]`: actors that share the process NAME and hand messages over in memory."""

    actors: list[str] = Field(min_length=1)
    """Names of the actors, in the order of the flow."""
    machine: str = ""
    """Name of the machine that runs the chain, of a table `[machines.NAME]`; by default the main
    one."""


class MachineTable(Table):
    """`[machines.NAME]`: a further machine of the session, on which `crepe up --machine NAME` runs.

    An actor with `machine = "NAME"` in its table runs there, as does a chain.
    """

    redis: str
    """URL of the session's Redis server as that machine reaches it, without a password:
    `rediss://lab.example.org:6380`; or `redis://127.0.0.1:6390`, the near end of a tunnel. The user
    is `machine-NAME`, if the URL names none."""
    password_file: str
    """Path there of a file with the password, which only its owner may read (mode 0600)."""
    ca_file: str = ""
    """Path there of the certificate of the authority that the server's certificate is from; by
    default that system's own list counts."""
    plain_tcp: bool = False
    """Use an address of another machine without TLS: only in a network that encrypts by itself,
    such as WireGuard."""
    clocks_apart_s: PositiveFloat = 0.1
    """Difference of the wall clocks above which a start warns: commands and recordings are dated by
    them; ages, gaps and windows are not."""


class DashboardTable(Table):
    """`[dashboard]`: the program `dashboard`, the live page."""

    host: str = "127.0.0.1"
    """Address to listen on; any other than this machine's needs a chosen token in
    CREPE_DASHBOARD_TOKEN."""
    port: int | None = Field(None, ge=1, le=65535)
    """TCP port; by default 8080, or the next that is free."""
    public_url: str | None = Field(None, pattern=r"^https?://[^/\s]+$")
    """Address of the page for other computers, behind a proxy: `https://lab.example.org`."""
    frames_per_s: float = Field(5.0, ge=1, le=20)
    """Largest number of frames per second to each browser."""


class InfraredSettings(Table):
    """`[sensor.infrared]`: the rules that classify a frame of 8 x 8 temperatures.

    The defaults are those of the original experiment, which calls them placeholders: in a room
    warmer than 20 degrees every pixel is a hand.
    """

    rows: tuple[int, int] = (0, 4)
    """Rows of the region that is classified, half open: indices from 0 to 8."""
    columns: tuple[int, int] = (4, 8)
    """Columns of the region that is classified, half open: indices from 0 to 8."""
    warmer_than_c: float = 20.0
    """Temperature above which a pixel belongs to a hand."""
    least_pixels: Mapping[str, PositiveInt] = Field(
        default={"rock": 3, "scissors": 7, "paper": 14}, min_length=1
    )
    """Least number of warm pixels, by gesture; fewer than the smallest are no gesture."""

    @property
    def n_pixels(self) -> int:
        """Number of pixels in the region."""
        return (self.rows[1] - self.rows[0]) * (self.columns[1] - self.columns[0])

    @model_validator(mode="after")
    def _fits(self) -> Self:
        for name, (start, stop) in {"rows": self.rows, "columns": self.columns}.items():
            if not 0 <= start < stop <= FRAME_SIDE:
                raise ValueError(f"{name} {start} to {stop}, must be within 0 to {FRAME_SIDE}")
        least = list(self.least_pixels.values())
        if len(set(least)) < len(least) or max(least) > self.n_pixels:
            raise ValueError(f"least_pixels {least}, must differ and be at most {self.n_pixels}")
        return self


class SensorTable(Table):
    """`[sensor]`: the program `sensor`, the gateway for sensors over HTTP."""

    reads: str = "result:game"
    """The stream of the game whose results the gateway returns."""
    host: str = "127.0.0.1"
    """Address to listen on; any other than this machine's needs a chosen token in
    CREPE_SENSOR_TOKEN."""
    port: int | None = Field(None, ge=1, le=65535)
    """TCP port; by default 5000, or the next that is free."""
    largest_body_bytes: PositiveInt = 65_536
    """Largest body of a request; a larger one is refused."""
    requests_per_s: PositiveFloat = 100.0
    """Largest number of requests from one address over the last second."""
    infrared: InfraredSettings = InfraredSettings()
    """The rules that classify a frame."""


class SimulatedSensorTable(Table):
    """`[simulated_sensor]`: gestures that the program `sensor` shows itself, over HTTP."""

    frames_per_s: PositiveFloat = 10.0
    """Number of frames per second, as an AMG8833 measures them."""


class RpycTable(Table):
    """`[rpyc]`: the program `rpyc`, which serves streams of samples to clients of the original."""

    host: str = "127.0.0.1"
    """Address to listen on; any other than this machine's needs a chosen token in
    CREPE_RPYC_TOKEN."""
    port: int = Field(18861, ge=1, le=65_000)
    """TCP port of the stream `data`; the others follow, see `crepe.settings.RPCPORTS`."""


class File(Table):
    """The whole file; `actors` are checked one by one, by their classes."""

    title: str = ""
    """Title of the experiment, for people."""
    name: str = CULTURE
    """Name of the culture on the Redis server: first part of every key."""
    seed: int = Field(0, ge=0)
    """Number from which everything random in the experiment follows, but for the simulated
    culture; in each session together with its `course`."""
    course: int | None = Field(None, ge=0)
    """Number that tells sessions of one seed apart: with the seed it gives the order of gestures
    and all else that is drawn. Without it: of the session's ID, in real time; 0 in lock-step. A
    report names it, so that the session can be played again."""
    directory: str | None = None
    """Directory from which modules of actors are imported; None: that of the file. Copies of an
    experiment that `crepe play` and others save have it."""
    redis: RedisTable = RedisTable()
    """The Redis server that CREPE runs."""
    culture: CultureTable = CultureTable()
    """The culture in the dish, or the simulated one."""
    dashboard: DashboardTable | None = None
    """The live page; without this table there is none."""
    sensor: SensorTable | None = None
    """The gateway for sensors over HTTP; without this table there is none."""
    simulated_sensor: SimulatedSensorTable | None = None
    """The simulated sensor; leave this table out for a real one."""
    rpyc: RpycTable | None = None
    """The streams for clients of the original, over RPyC; without this table there are none."""
    calibration: Calibration | None = None
    """The labelled trials of `crepe calibrate` and `crepe experiment`."""
    conditions: Conditions | None = None
    """The conditions that `crepe experiment` compares."""
    actors: dict[str, dict[str, Any]] = Field(default_factory=dict)
    """The actors, by name: a table `[actors.NAME]` each."""
    chains: dict[str, ChainTable] = Field(default_factory=dict)
    """Actors that share a process, by the name of the program: a table `[chains.NAME]` each."""
    machines: dict[str, MachineTable] = Field(default_factory=dict)
    """Further machines of the session, by name: a table `[machines.NAME]` each."""

    @field_validator("name")
    @classmethod
    def _is_a_key(cls, name: str) -> str:
        # Every key in Redis begins with it, and keys are found by glob patterns.
        if not name or any(letter.isspace() or letter in "*?[]" for letter in name):
            raise ValueError("must be a word without spaces, *, ? or []")
        return name
