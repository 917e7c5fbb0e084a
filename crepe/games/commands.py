"""Commands of operators to a running game: pause, start, the condition, and the player."""

# Decision 35: how commands reach a game.

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

from crepe.commands import GAME_COMMANDS, INPUT, PLAYERS, SENSOR
from crepe.errors import suggest
from crepe.messages import Command, GameState, Message
from crepe.phases import GamePhase


@dataclass
class GameCommands:
    """The commands in force; numbers and text only, since they are part of the snapshot."""

    is_paused: bool = False
    condition: str = ""  # of the next trials; empty: none was chosen
    player: str = ""  # empty: the player of the experiment file

    def obey(
        self,
        command: Message,
        conditions: Collection[str],
        report: Callable[..., GameState],
        *,
        reads_gestures: bool,
    ) -> Iterator[Command | GameState]:
        """Publish a game's command again, and put it into force or publish its refusal.

        `report` returns the state of the game for a message, a phase, and the fields to set in it;
        the others are those of `apply`.
        """
        assert isinstance(command, Command)
        if command.name in GAME_COMMANDS:
            yield command
        if refusal := self.apply(command, conditions, reads_gestures=reads_gestures):
            fields = {"outcome": refusal, "gesture": None, "shown_by": command.sender}
            yield report(command, str(GamePhase.REFUSED), **fields)

    def apply(self, command: Command, conditions: Collection[str], *, reads_gestures: bool) -> str:
        """Put a command into force, or return why it is refused.

        Commands that are not for a game (notes, for instance) change nothing and are not refused.

        Parameters
        ----------
        command
            As it came on the stream `control`.
        conditions
            The conditions an operator may choose; none where the blocks of a plan decide.
        reads_gestures
            Whether the game reads the stream `input`, so that a person or a sensor can play.

        Returns
        -------
        str
            The reason of a refusal, which is published in a state; empty if there is none.
        """
        match command.name:
            case "pause":
                self.is_paused = True
            case "start":
                self.is_paused = False
            case "condition" | "player" if not conditions:
                request = f"{command.name} {command.value!r}"
                sender = command.sender or "anybody"
                return f"{request}: the plan of the blocks decides, not {sender}"
            case "condition":
                if command.value not in conditions:
                    near = suggest(command.value, conditions)
                    return f"{command.value!r} is no condition of this game{near}"
                self.condition = command.value
            case "player":
                if command.value not in ("", *PLAYERS):
                    near = suggest(command.value, PLAYERS)
                    return f"{command.value!r} cannot be the player{near}"
                if command.value not in ("", "script") and not reads_gestures:
                    return (
                        f"{command.value!r} cannot be the player: the game does not read {INPUT!r}"
                    )
                self.player = command.value  # empty: back to that of the file
        return ""

    def change_phase(self, phase: str, player: str) -> bool:
        """Whether a game that rests, waits or pauses must leave that phase because of a command.

        `player` is the player in force: a script does not wait.
        """
        if phase == "paused" or self.is_paused:
            return (phase == "paused") != self.is_paused
        return phase == "waiting" and player == "script"


def player_of(sender: str) -> str:
    """Return which player the sender of a gesture is: `sensor` or `person`."""
    return "sensor" if sender.startswith(SENSOR) else "person"


def gesture_refusal(command: Command, player: str, gestures: Collection[str]) -> str:
    """Return why a gesture cannot begin a trial, given the player and the gestures there are.

    The text is published in a state; empty if the gesture can begin one.
    """
    if player_of(command.sender) != player:
        return f"a gesture by {command.sender or 'nobody'}, the player is {player!r}"
    if command.value not in gestures:
        return f"{command.value!r} is no gesture{suggest(command.value, gestures)}"
    return ""
