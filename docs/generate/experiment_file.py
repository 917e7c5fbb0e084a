"""`reference/experiment-file.md`: every table and field of the experiment file."""

import inspect
import re
from importlib import import_module
from pkgutil import walk_packages
from typing import Any

from pydantic import BaseModel

import crepe.actors
import crepe.games
from crepe.actors.actor import Actor, Source
from crepe.conditions import Block, Calibration, Conditions
from crepe.config.shards import MOST_SHARDS
from crepe.config.tables import (
    ChainTable,
    CultureTable,
    DashboardTable,
    File,
    InfraredSettings,
    MachineTable,
    RedisTable,
    RpycTable,
    SensorTable,
    SimulatedSensorTable,
)
from crepe.config.wiring import LEAST_LAG_S, LONGEST_LAG_S
from crepe.culture.settings import Cells, Preset
from crepe.games.gymnasium.coach import CoachSettings
from crepe.games.trial_game import Game
from crepe.hw.entry_points import OWN, RECORDERS, STIMULATORS
from crepe.messages import (
    Activity,
    ChannelStates,
    Command,
    Cutouts,
    Decision,
    Delivered,
    GameState,
    Segment,
    Spikes,
)
from crepe.reservoir.features import Window
from crepe.safety.limits import Limits, Override
from crepe.simulator.meame.quirks import Quirk
from crepe.simulator.meame.settings import Firmware, SimulatorSettings
from docs.generate.fields import HEAD, settings_of, settings_table, tables_in
from docs.generate.markdown import anchor, code, heading, page, sentence, table
from docs.generate.source import description, field_sentences, summary

TABLES: dict[str, type[BaseModel]] = {
    "[redis]": RedisTable,
    "[culture]": CultureTable,
    "[culture.simulated]": SimulatorSettings,
    "[culture.simulated.cells]": Cells,
    "[dashboard]": DashboardTable,
    "[sensor]": SensorTable,
    "[sensor.infrared]": InfraredSettings,
    "[simulated_sensor]": SimulatedSensorTable,
    "[rpyc]": RpycTable,
    "[calibration]": Calibration,
    "[conditions]": Conditions,
    "[chains.NAME]": ChainTable,
    "[machines.NAME]": MachineTable,
}
"""The tables beside the actors, in the order of the page."""

NESTED: dict[str, type[BaseModel]] = {
    "Entries of blocks": Block,
    "[actors.NAME.window]": Window,
    "[actors.NAME.coach]": CoachSettings,
    "[actors.NAME.limits]": Limits,
    "[actors.NAME.limits.override.LIMIT]": Override,
}
"""The tables inside those of actors."""

_FLOW = (Segment, ChannelStates, Spikes, Cutouts, Activity, Decision, GameState, Delivered, Command)

_INTRO = """Every table and setting of the TOML file that describes an experiment. Unknown names,
wrong types and values out of bounds are refused by `crepe check`, with the place, what was found
and what is allowed. A setting without a default is marked *required*; an empty default means that
the setting is absent. A number may be an integer, too; nan and infinity are refused. The files
that come with CREPE are in [config](../../config)."""

_ACTORS = """A table for each actor; its name is the name of the program, unless a chain holds it.
Five keys are the same for all; every other one is a setting of the class that `run` names."""

_COMMON = (
    (
        *("`run`", "string", "", "", "required"),
        "Import path of the class: `package.module:Class`. It may be in another package.",
    ),
    (
        *("`reads`", "string or array of strings", "", "", "`[]`"),
        "Streams that it reads; the first is its clock. None where it reads an instrument.",
    ),
    (
        *("`writes`", "string or array of strings", "", "", "`[]`"),
        """Streams that it writes, in the order of its message types; messages of a type without a
        stream are not published.""",
    ),
    (
        *("`feedback`", "table of numbers", "s", f"each {LEAST_LAG_S:g} to {LONGEST_LAG_S:g}"),
        *(
            "`{}`",
            "Lag with which it receives a stream that follows from its own output, by stream.",
        ),
    ),
    (
        *("`machine`", "string", "", "", '`""`'),
        "Machine that runs it, of a table `[machines.NAME]`; by default the main one.",
    ),
    (
        *("`shards`", "integer", "", f"1 to {MOST_SHARDS}", "`1`"),
        """Number of programs that share its channels, of an actor that treats each channel for
        itself (`BandPass`, `Notch`, `Detect`, `CutOut`). Readers of its streams see no
        difference.""",
    ),
)

_LIMITS = """A larger value needs a table `[actors.NAME.limits.override.LIMIT]` with a written
reason, so the default of `max_...` is also its upper bound."""

_DEVICES = """`device` of an actor is a URL, `scheme://location?setting=value&setting=value`, or
the import path of a class of another package, `package.module:Class?setting=value`. The settings
of each scheme:"""


def actor_classes() -> list[type[Actor[Any, Any]]]:
    """Return the actors of this package that an experiment file can name, in order of the flow."""
    kinds: set[type[Actor[Any, Any]]] = set()
    for package in (crepe.actors, crepe.games):
        for module in walk_packages(package.__path__, f"{package.__name__}."):
            for kind in vars(import_module(module.name)).values():
                is_actor = inspect.isclass(kind) and issubclass(kind, Actor)
                if is_actor and kind.__module__ == module.name and _is_complete(kind):
                    kinds.add(kind)
    return sorted(kinds, key=lambda kind: (_stage(kind), kind.__name__))


def device_settings() -> dict[str, type[BaseModel]]:
    """Return the settings of each scheme, by heading."""
    return {
        f"{scheme}:// as a {half}": _load(path).Settings
        for half, group in (("recorder", RECORDERS), ("stimulator", STIMULATORS))
        for scheme, path in OWN[group].items()
    }


def all_models() -> list[type[BaseModel]]:
    """Return every model of the page, each once."""
    models: list[type[BaseModel]] = [
        File,
        *TABLES.values(),
        *NESTED.values(),
        *actor_classes(),
        *device_settings().values(),
    ]
    return list(dict.fromkeys(models))


def experiment_file() -> str:
    """Return the page."""
    headings = {kind: name for name, kind in (TABLES | NESTED).items()}
    parts = [_INTRO, "## At the top of the file", _scalars(), *_sections(TABLES, "##", headings)]
    parts += [f"## {heading('[actors.NAME]')}", _ACTORS, table(HEAD, _COMMON), "## Actors"]
    for kind in actor_classes():
        parts += _actor(kind, headings)
    parts += ["## Tables inside those of actors", *_sections(NESTED, "###", headings)]
    parts += ["## Devices", _DEVICES]
    for name, model in device_settings().items():
        parts += [f"### {name}", settings_table(model)]
    return page("The experiment file", *parts)


def _sections(
    tables: dict[str, type[BaseModel]], level: str, headings: dict[type, str]
) -> list[str]:
    parts = []
    for name, model in tables.items():
        about = re.sub(r"^`\[[\w. ]+\]`: ", "", description(model))
        parts += [f"{level} {heading(name)}", sentence_block(about)]
        parts += [_LIMITS] if model is Limits else []
        parts += [settings_table(model, headings)]
        if model is SimulatorSettings:
            parts += [
                "Values of `preset`:",
                _values(Preset),
                "Values of `quirks`:",
                _values(Quirk),
                "Values of `firmware`: " + summary(Firmware),
            ]
    return parts


def sentence_block(text: str) -> str:
    """Return a docstring whose first paragraph begins with a capital."""
    first, _, rest = text.partition("\n\n")
    return f"{sentence(first)}\n\n{rest}".strip()


def _scalars() -> str:
    rows = []
    for setting in settings_of(File):
        if not tables_in(File.model_fields[setting.name].annotation) and setting.name != "actors":
            rows.append((code(setting.name), *setting[1:5], sentence(setting.meaning)))
    return table(HEAD, rows)


def _actor(kind: type[Actor[Any, Any]], headings: dict[type, str]) -> list[str]:
    inputs, outputs = kind.message_types()
    reads = "an instrument" if issubclass(kind, Source) else _links(inputs)
    path = code(f'run = "{kind.__module__}:{kind.__name__}"')
    about = f"{path}. Reads {reads}; writes {_links(outputs) or 'a file'}."
    return [f"### {kind.__name__}", about, description(kind), settings_table(kind, headings)]


def _links(kinds: tuple[type, ...]) -> str:
    names = (
        ["Message"]
        if any(kind.__name__ == "Message" for kind in kinds)
        else [k.__name__ for k in kinds]
    )
    if names == ["Message"]:
        return "[any message](streams.md#messages)"
    return ", ".join(f"[{name}](streams.md#{anchor(name)})" for name in names)


def _values(kind: Any) -> str:
    sentences = field_sentences(kind)
    return table(
        ("value", "meaning"),
        [(code(f'"{member.value}"'), sentence(sentences[member.name])) for member in kind],
    )


def _is_complete(kind: type[Actor[Any, Any]]) -> bool:
    """Return whether a class is no mere base: it has message types, and every method."""
    if inspect.isabstract(kind) or kind is Game or "[" in kind.__name__:
        return False
    try:
        kind.message_types()
    except TypeError:
        return False
    return not any(parameter for parameter in kind.__pydantic_generic_metadata__["parameters"])


def _stage(kind: type[Actor[Any, Any]]) -> int:
    _, outputs = kind.message_types()
    if issubclass(kind, Source):
        return -1
    return _FLOW.index(outputs[0]) if outputs else len(_FLOW)


def _load(path: str) -> Any:
    module, _, name = path.partition(":")
    return getattr(import_module(module), name)
