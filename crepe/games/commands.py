"""What people tell a running game: to pause, to start, under which condition, who plays."""

from collections.abc import Collection
from dataclasses import dataclass

from crepe.commands import INPUT, PLAYERS
from crepe.errors import suggest
from crepe.messages import Command


@dataclass
class GameCommands:
    """What was told last; numbers and words only, since it is part of a snapshot."""

    is_paused: bool = False
    condition: str = ""  # of the trials from now on; empty: none was chosen
    player: str = ""  # empty: that of the experiment file

    def hear(self, command: Command, conditions: Collection[str], *, hears_gestures: bool) -> str:
        """Take a command in; why it is refused, if so. A name that is no game's is not.

        `conditions` are those that may be chosen; none where a plan decides.
        """
        match command.name:
            case "pause":
                self.is_paused = True
            case "start":
                self.is_paused = False
            case "condition" | "player" if not conditions:
                asked = f"{command.name} {command.value!r}"
                return f"{asked}: the plan of the blocks decides, not {command.sender or 'anybody'}"
            case "condition":
                if command.value not in conditions:
                    near = suggest(command.value, conditions)
                    return f"{command.value!r} is no condition of this game{near}"
                self.condition = command.value
            case "player":
                if command.value not in ("", *PLAYERS):
                    near = suggest(command.value, PLAYERS)
                    return f"{command.value!r} cannot be the player{near}"
                if command.value not in ("", "script") and not hears_gestures:
                    return (
                        f"{command.value!r} cannot be the player: the game does not read {INPUT!r}"
                    )
                self.player = command.value
        return ""
