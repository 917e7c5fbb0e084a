"""The events of a session: trials, stimuli and their outcomes, commands from outside."""

from collections import Counter, deque
from collections.abc import Mapping
from typing import Any

from crepe.commands import GAME_COMMANDS
from crepe.messages import Command, Delivered, DeliveryState, GameState, Message, Stimulus
from crepe.results.answers import FINAL, WITHOUT_PULSES, counted, counted_score
from crepe.safety.too_slow import is_too_late, too_slow

MESSAGES = ("GameState", "Stimulus", "Delivered", "Command")
"""Message types of the events, by name."""
TRIALS_KEPT = 50
STIMULI_KEPT = 200
TRAINS_KEPT = 3000  # of a minute, fifty a second
COMMANDS_KEPT = 30
_MOVES = ("gesture", "frame")
_OPEN = {"state": "", "reason": "", "fired": 0}  # of a stimulus without an outcome yet


class SessionEvents:
    """The newest events of each kind, and counts of all of them."""

    def __init__(self) -> None:
        self.version = 0  # grows with every event
        self.since = 0  # sample index from which events are counted; earlier ones are lost
        self.game: GameState | None = None
        self.refused_gesture: GameState | None = None  # the last, while its trial has not begun
        self.trials: deque[dict[str, Any]] = deque(maxlen=TRIALS_KEPT)
        self.by_condition: dict[str, Counter[str]] = {}
        self._left_out: Counter[str] = Counter()  # trials without their pulses, by outcome
        # Final answers to stimuli by state: those that were read, and as the stimulator counts them
        # (decision 36); None where it does not.
        self.answers: Counter[str] = Counter()
        self._judged: dict[int, tuple[str, str]] = {}  # trial: condition and outcome
        self.reported_answers: Mapping[str, int] | None = None
        self.n_late = 0  # of those not delivered: the programs or the data lagged
        self.refusals: deque[dict[str, Any]] = deque(maxlen=COMMANDS_KEPT)
        self.commands: deque[dict[str, Any]] = deque(maxlen=COMMANDS_KEPT)
        self._received: dict[str, Counter[tuple[str, str, str]]] = {}  # commands by stream
        self._trains: dict[int, tuple[int, int, float]] = {}  # by number: version, first, seconds
        self._stimuli: dict[int, dict[str, Any]] = {}  # by number
        self._outcomes: dict[int, dict[str, Any]] = {}  # may be read before its stimulus

    def take(self, message: Message, stream: str = "") -> None:
        """Add a message of a stream; all but those of `MESSAGES` are passed over."""
        match message:
            case GameState():
                self._state(message)
            case Stimulus():
                self._stimulus(message)
            case Delivered():
                self._delivered(message)
            case Command():
                self._command(message, stream)
            case _:
                return
        self.version += 1

    def _state(self, state: GameState) -> None:
        if state.phase == "refused":
            self._refused(state)
            return
        if state.phase == "stimulation":
            self.refused_gesture = None
        self.game = state
        if state.phase != "outcome":
            return
        outcome = state.outcome or "none"
        self._count(state, outcome)
        self.trials.append(
            {
                "trial": state.trial,
                "gesture": state.gesture,
                "decoded": state.decoded,
                "answer": state.answer,
                "outcome": outcome,
                "condition": state.condition,
                "rally": state.score.get("rally"),
                "steps": state.score.get("steps"),
                "value": state.value,
                "phases": dict(state.phases),
                "at": state.stop,
            }
        )

    def _count(self, state: GameState, outcome: str) -> None:
        """Count a finished trial; its outcome counts only if its pulses were not refused."""
        counts = self.by_condition.setdefault(state.condition, Counter())
        if counted([state], ()):  # no pulses belong to it
            counts[outcome] += 1
            return
        answer = self._outcomes.get(state.trial, _OPEN)["state"]
        if answer in FINAL and answer != DeliveryState.DELIVERED:
            counts[WITHOUT_PULSES] += 1
            self._left_out[outcome] += 1
            return
        counts[outcome] += 1
        self._judged[state.trial] = (state.condition, outcome)
        _forget_oldest(self._judged)

    def _refused(self, state: GameState) -> None:
        """Keep a gesture or another command that the game has refused."""
        if state.gesture is not None:
            self.refused_gesture = state
        self.commands.append(
            {"name": "refused", "value": state.outcome, "sender": state.shown_by, "at": state.stop}
        )

    def _stimulus(self, stimulus: Stimulus) -> None:
        self._stimuli[stimulus.number] = {
            "number": stimulus.number,
            "due": stimulus.due,
            "lasts_s": stimulus.n_pulses / stimulus.rate_hz,
            "rate_hz": stimulus.rate_hz,
            "n_pulses": stimulus.n_pulses,
            "electrodes": list(stimulus.electrodes),
            "meaning": stimulus.meaning,
        }
        _forget_oldest(self._stimuli)
        self._add_train(stimulus.number)

    def _delivered(self, delivered: Delivered) -> None:
        self._outcomes[delivered.number] = {
            "state": delivered.state,
            "reason": delivered.reason,
            "fired": delivered.fired,
        }
        _forget_oldest(self._outcomes)
        self._add_train(delivered.number)
        if delivered.state not in FINAL:
            return  # the train is still to come, or under way
        self.answers[delivered.state] += 1
        if delivered.state != "delivered":
            if delivered.number in self._judged:  # the trial's end was read first
                condition, outcome = self._judged.pop(delivered.number)
                self.by_condition[condition] -= Counter([outcome])
                self.by_condition[condition][WITHOUT_PULSES] += 1
                self._left_out[outcome] += 1
            self.n_late += is_too_late(delivered.reason)
            self.refusals.append(
                {
                    "number": delivered.number,
                    "state": delivered.state,
                    "reason": delivered.reason,
                    "at": delivered.stop,
                }
            )

    def _add_train(self, number: int) -> None:
        """Keep a train once its stimulus and its outcome are both read, unless it was refused."""
        stimulus, outcome = self._stimuli.get(number), self._outcomes.get(number, _OPEN)
        if stimulus is None or outcome["state"] in ("", "refused"):
            self._trains.pop(number, None)
            return
        first = outcome["fired"] or stimulus["due"]
        # `take` raises the version only after this; browsers at the present one lack the train.
        self._trains[number] = (self.version + 1, first, stimulus["lasts_s"])
        _forget_oldest(self._trains, TRAINS_KEPT)

    def trains(self, version: int, since: int) -> list[tuple[int, int, float]]:
        """Return the trains that changed after `version`, as (number, first sample, seconds)."""
        return [
            (number, first, lasts_s)
            for number, (at, first, lasts_s) in self._trains.items()
            if at > version and first >= since
        ]

    def _command(self, command: Command, stream: str) -> None:
        if command.name in _MOVES:
            return  # the game's states hold these
        if command.name in GAME_COMMANDS and not self._is_new(command, stream):
            return
        self.commands.append(
            {
                "name": command.name,
                "value": command.value,
                "sender": command.sender,
                "at": command.stop,
            }
        )

    def _is_new(self, command: Command, stream: str) -> bool:
        """Count a command to a game, which game and annotator publish; True for the first copy."""
        key = (command.name, command.value, command.sender)
        counts = self._received.setdefault(stream, Counter())
        counts[key] += 1
        return counts[key] > max(
            (c[key] for s, c in self._received.items() if s != stream), default=0
        )

    def _all_stimuli(self) -> list[dict[str, Any]]:
        return [
            {**stimulus, **self._outcomes.get(number, _OPEN)}
            for number, stimulus in self._stimuli.items()
        ]

    @property
    def score(self) -> dict[str, int]:
        """The game's score without the trials whose pulses were not delivered."""
        return counted_score(self.game.score if self.game else {}, self._left_out)

    @property
    def n_by_state(self) -> dict[str, int]:
        """Final answers to stimuli of the whole session, as far as they are known."""
        reported = self.reported_answers or {}  # up to a second old
        return {str(state): max(self.answers[state], reported.get(state, 0)) for state in FINAL}

    def too_slow(self, *, can_lockstep: bool) -> str:
        """Return why little or nothing is stimulated, if that is for lateness; else empty."""
        return too_slow(self.n_late, self.answers.total(), can_lockstep=can_lockstep)

    def as_json(self) -> dict[str, Any]:
        """Return all that changes with `version`, for the head of a frame."""
        game, refused = self.game, self.refused_gesture
        return {
            "game": None
            if game is None
            else {
                "trial": game.trial,
                "phase": game.phase,
                "gesture": game.gesture,
                "decoded": game.decoded,
                "answer": game.answer,
                "outcome": game.outcome,
                "score": self.score,
                "phases": dict(game.phases),
                "shown_by": game.shown_by,
                "condition": game.condition,
                "block": game.block,
                "at": game.stop,
            },
            "refused_gesture": None
            if refused is None
            else {"reason": refused.outcome, "shown_by": refused.shown_by, "at": refused.stop},
            "since": self.since,
            "trials": list(self.trials),
            "by_condition": {name: dict(n) for name, n in self.by_condition.items()},
            **{f"n_{state}": n for state, n in self.n_by_state.items()},
            "refusals": list(self.refusals),
            "said": list(self.commands),
            "stimuli": self._all_stimuli()[-20:],
        }


def _forget_oldest(by_number: dict[int, Any], n_kept: int = STIMULI_KEPT) -> None:
    while len(by_number) > n_kept:
        del by_number[next(iter(by_number))]
