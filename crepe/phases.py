"""The phases of a game, which actors, games and reports share."""

from enum import StrEnum


class GamePhase(StrEnum):
    """The values of `GameState.phase` that all readers understand; a game may have others."""

    REST = "rest"  #: Before a trial, a rally or a block.
    WAITING = "waiting"  #: For a gesture from outside.
    STIMULATION = "stimulation"  #: The gesture is stimulated.
    RESPONSE = "response"  #: The decisions of the culture count.
    OUTCOME = "outcome"  #: The trial is over, and judged.
    PAUSED = "paused"  #: An operator has paused the game.
    OVER = "over"  #: The game has ended.
    REFUSED = "refused"  #: A command was refused; the game stays in its phase.
