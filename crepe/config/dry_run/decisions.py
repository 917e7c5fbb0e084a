"""The comparison of decoders with the games that read their decisions."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from crepe.config.mistakes import Mistakes
from crepe.config.wiring import ActorSpec
from crepe.errors import suggest
from crepe.messages import Decision


@dataclass(frozen=True)
class Decisions:
    """An actor's decisions, as far as they are known before it runs."""

    possible: Collection[str] | None  # as the actor declares them
    returned: Collection[str | float | None]  # for made-up input
    accepted: Collection[str] | None  # of those that it reads


def compare_decisions(
    actors: Mapping[str, ActorSpec],
    decisions: Mapping[str, Decisions],
    path: str,
    mistakes: Mistakes,
) -> list[str]:
    """Add decoders and games that do not fit to `mistakes`; return what is not known.

    `decisions` is by the name of the actor, of those that could be opened.
    """
    notes = []
    deciders = {spec.writes[Decision]: spec for spec in actors.values() if Decision in spec.writes}
    for name, game in actors.items():
        accepted = decisions[name].accepted if name in decisions else None
        for stream in game.reads if accepted is not None else ():
            decoder = deciders.get(stream)
            if accepted is None or decoder is None or decoder.name not in decisions:
                continue
            place = f"{path}: [actors.{name}] reads: {stream!r}: [actors.{decoder.name}] "
            texts, note = _compare(decoder, decisions[decoder.name], game, accepted)
            mistakes.add(*(f"{place}{text}" for text in texts))
            notes += [f"[actors.{decoder.name}] {note}"] if note else []
    return notes


def _compare(
    decoder: ActorSpec, decisions: Decisions, game: ActorSpec, accepted: Collection[str]
) -> tuple[list[str], str]:
    """Return what is wrong between a decoder and a game, and what is not known."""
    kind, reader = decoder.kind.__name__, f"[actors.{game.name}] {game.kind.__name__}"
    allowed = ", ".join(map(repr, sorted(accepted)))
    values = decisions.returned if decisions.possible is None else decisions.possible
    wrong = sorted((v for v in values if v is not None and v not in accepted), key=repr)
    texts = []
    if numbers := [value for value in wrong if not isinstance(value, str)]:
        texts.append(f"{kind} decides numbers, such as {numbers[0]!r}; {reader} accepts {allowed}")
    texts += [
        f"{kind} decides {value!r}, which {reader} does not accept{suggest(value, accepted)}"
        for value in wrong
        if isinstance(value, str)
    ]
    if decisions.possible is None:
        is_known = bool(texts)
        names = ", ".join(sorted(repr(v) for v in values if v is not None)) or "none"
        note = (
            f"{kind}: not known which decisions it can make (on made-up input: {names}); "
            f"{reader} accepts {allowed}. Its method possible_decisions can tell"
        )
        return texts, "" if is_known else note
    if not decisions.possible:
        return texts, f"{kind}: every decision is None until `crepe calibrate` has made a readout"
    lacking = [value for value in accepted if value not in decisions.possible]
    if lacking:
        possible = ", ".join(map(repr, sorted(decisions.possible)))
        texts.append(
            f"{kind} never decides {', '.join(map(repr, lacking))}, which {reader} needs; "
            f"known are {possible}"
        )
    return texts, ""
