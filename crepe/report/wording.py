"""The report's sentences: how a number may be read, and how not."""

# Decision 30: what a report claims.

from crepe.conditions import SHAM, SILENCED
from crepe.report.numbers import (
    About,
    ConditionScore,
    Decoding,
    ReadoutNumbers,
    Spread,
    Stimuli,
    Timing,
)
from crepe.report.style import named

MULTI_UNIT = (
    "A spike here is a threshold crossing. Crossings are multi-unit activity: they are not sorted "
    "into cells, and those within a few milliseconds of a pulse may be its artefact."
)
INTERVALS = (
    "The first 95 % intervals are Wilson's and take trials as independent; those over blocks are "
    "exact and take blocks as the unit: they hold where accuracy varies from block to block, and "
    "Wilson's then do not. p is the part of random "
    "permutations of the gestures, within blocks, in which as many trials or more are decoded "
    "rightly; it is not corrected for the number of conditions."
)
DECODED = (
    "Accuracy is the fraction of finished trials in which the decoded gesture is the gesture that "
    "was shown; a trial in which nothing was decoded counts as wrong, and a trial whose pulses "
    "were not delivered, as before arming, is left out. It shows how well a linear readout, or "
    "another decoder, distinguishes the gestures in the activity it was given, and nothing about "
    "what the culture does of itself. “won” is the game's name for a trial that was decoded "
    "correctly."
)
NOT_MEASURED = "not measured"
CONTROLS = (SHAM, SILENCED, "shuffled", "random")
_ALPHA = 0.05


def duration_text(about: About) -> str:
    """Return how much data there is, and how much is missing in between."""
    text = f"{about.duration_s:.1f} s of data ({about.duration_s / 60:.1f} min)"
    if not about.n_gaps:
        return text
    gaps = f"{about.n_gaps} gap{'s' if about.n_gaps > 1 else ''}"
    return f"{text}, and {gaps} of {about.missing_s:.1f} s in it"


def p_text(p_value: float) -> str:
    """Return a p value for use in a sentence."""
    return "p < 0.001" if p_value < 0.001 else f"p = {p_value:.3f}"


def interval_text(ci95: tuple[float, float]) -> str:
    """Return an interval for use in a sentence."""
    return f"{ci95[0]:.2f} to {ci95[1]:.2f}"


def chance_text(decoding: Decoding) -> str:
    """Return the accuracy of guessing, as a sentence."""
    names = ", ".join(decoding.gestures)
    return (
        f"There are {len(decoding.gestures)} gestures ({names}). The same answers, given without "
        f"regard to the gestures, would be right in {decoding.chance:.2f} of the trials on average."
    )


def decided_text(decoding: Decoding) -> str:
    """Return what the answers follow from, by decoder, as a sentence; empty if not known."""
    texts = [f"[actors.{name}] by {text}" for name, text in decoding.decided_by.items()]
    return f"Decided: {'; '.join(texts)}." if texts else ""


def verdict(score: ConditionScore) -> str:
    """Return the result of a condition as a sentence, which calls a null result one."""
    left_out = f"; {score.n_left_out} without their pulses are left out" if score.n_left_out else ""
    n = score.n_trials - score.n_left_out
    if score.accuracy is None or score.ci95 is None or score.ci95_blocks is None:
        return f"{named(score.condition)}: no trial that counts{left_out}."
    result = (
        f"{named(score.condition)}: {score.n_right} of {n} trials were decoded correctly "
        f"({score.accuracy:.2f}, 95 % interval {interval_text(score.ci95)}, over blocks "
        f"{interval_text(score.ci95_blocks)}; chance {score.chance:.2f}{left_out})"
    )
    if score.p_value < _ALPHA:
        return f"{result}: more than by chance ({p_text(score.p_value)})."
    return (
        f"{result}: no more than chance can explain ({p_text(score.p_value)}). "
        "This is a null result."
    )


def controls_text(decoding: Decoding) -> str:
    """Return which conditions are controls, as a sentence; empty without any."""
    names = [entry.condition for entry in decoding.conditions if entry.condition in CONTROLS]
    if not names:
        return ""
    return f"Controls, of which a null result is expected: {', '.join(names)}."


def ended_text(about: About) -> str:
    """Return how the session ended."""
    if about.has_ended:
        return "ended in good order"
    if not about.is_closed:
        return "no end is marked: the session was cut off, or still runs"
    return "stopped after the game's end" if about.is_game_over else "stopped in good order"


def readout_text(readout: ReadoutNumbers) -> str:
    """Return the origin of a readout and its cross-validated accuracy."""
    origin = f"[actors.{readout.actor}]" if readout.actor else "Trained on this session"
    if readout.problem:
        return f"{origin}: its calibration is not known. {readout.problem}"
    low_high = interval_text(readout.ci95) if readout.ci95 else "-"
    text = (
        f"{origin}: trained on {readout.n_trials} trials in {readout.n_blocks} blocks of session "
        f"{readout.session or 'unknown'}; cross-validated accuracy, a block left out at a time, "
        f"{readout.accuracy:.2f} (95 % interval {low_high})."
    )
    if readout.labels_permuted:
        text += (
            f" This is the accuracy of the readout it is the control of; its own weights were "
            f"trained {readout.labels_permuted} times on permuted labels."
        )
    return text


def since_text(readout: ReadoutNumbers) -> str:
    """Return the time from the calibration to this session, as a sentence."""
    if readout.calibrated_before_s is None:
        return "Time from the calibration to this session: not measured (no wall clock in it)."
    return (
        f"The session began {readout.calibrated_before_s / 60:.0f} minutes after that of the "
        "calibration, by their IDs."
    )


def spread_text(spread: Spread | None) -> str:
    """Return the distribution of a duration in words."""
    if spread is None:
        return NOT_MEASURED
    return (
        f"median {spread.p50:.1f} ms, 99 % below {spread.p99:.1f} ms, "
        f"longest {spread.max:.1f} ms ({spread.n} trains)"
    )


def latency_text(timing: Timing, about: About) -> str:
    """Return the latency by the wall clock, or why there is none."""
    if timing.latency_ms is None and about.started_at is None:
        return f"{NOT_MEASURED}: the session ran without a wall clock"
    if timing.latency_ms is None:
        return f"{NOT_MEASURED}: no pulse was started"
    return spread_text(timing.latency_ms)


def stimuli_text(stimuli: Stimuli) -> str:
    """Return how many trains came to which state, as sentences."""
    states = ", ".join(f"{n} {state}" for state, n in stimuli.states.items())
    return (
        f"{stimuli.n_asked} pulse trains were requested: {states}. "
        f"Trains delivered to their end hold {stimuli.n_delivered_pulses} pulses."
    )
