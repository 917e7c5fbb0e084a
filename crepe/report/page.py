"""The page of a report; a section for which the session has no data reads "None"."""

from collections.abc import Mapping

from crepe.games.section import Section
from crepe.report import wording
from crepe.report.activity import shown_on_map
from crepe.report.draw_raster import kept_every
from crepe.report.html import Element, Part, element, figure, page, section, table
from crepe.report.numbers import About, Decoding, Report
from crepe.report.session import Session
from crepe.report.structure import structure_section
from crepe.report.style import Picture, named
from crepe.report.views import section_of

_MOST_REASONS = 20


def html(
    report: Report,
    session: Session,
    pictures: Mapping[str, Picture],
    of_game: Section | None = None,
) -> str:
    """Return the report as one document that needs no other file.

    Parameters
    ----------
    report, pictures
        Numbers, and figures by name.
    session
        Gives the text of the experiment file.
    of_game
        The game's own section; its figures are among the pictures.
    """
    about = report.about
    parts: list[Part] = [
        *_banner(about),
        element("h1", about.title or "Session without a title"),
        element("p", f"Session {about.session}, {wording.ended_text(about)}."),
        _about(about),
        *([section_of(of_game, pictures)] if of_game else []),
        _decoding(report, pictures),
        _calibration(report, pictures),
        _activity(report, pictures),
        structure_section(report.structure, pictures),
        _loop(report),
        _parameters(session),
    ]
    return page(f"{about.title or 'CREPE'}: session {about.session}", *parts)


def _banner(about: About) -> list[Element]:
    if not about.is_simulated:
        return []
    text = "No living culture: cells, activity and responses come from a model."
    return [element("div", element("strong", "SIMULATED"), text, class_="simulated")]


def _about(about: About) -> Element:
    culture = about.culture or {"details": "none given"}
    kind = "SIMULATED" if about.is_simulated else "living culture"
    facts = [
        ("seed", str(about.seed)),
        ("course (with the seed, all random draws follow from it)", str(about.course)),
        ("begun", about.started_at or wording.NOT_MEASURED),
        ("duration", wording.duration_text(about)),
        ("array", f"{about.n_electrodes} electrodes at {about.sampling_rate_hz:g} Hz"),
        ("streams recorded", ", ".join(about.streams) or "none"),
        *([("parts", ", ".join(about.parts))] if len(about.parts) > 1 else []),
        *(("not recorded in one part", problem) for problem in about.part_problems),
        ("recorded with", _listed(about.recorded_with) or "not recorded"),
        ("report made with", _listed(about.versions)),
    ]
    return section(
        "Session and culture",
        table(
            (),
            [
                ("culture", kind),
                *((f"culture: {n}", v) for n, v in culture.items()),
                *facts,
            ],
        ),
    )


def _listed(versions: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in versions.items())


def _decoding(report: Report, pictures: Mapping[str, Picture]) -> Element:
    decoding = report.decoding
    if decoding is None:
        return section(
            "Decoding", element("p", "None: no finished trial whose gesture was decoded.")
        )
    verdicts = element("ul", *(element("li", wording.verdict(o)) for o in decoding.conditions))
    return section(
        "Decoding",
        element("p", wording.chance_text(decoding)),
        verdicts,
        element("p", wording.decided_text(decoding)),
        element("p", wording.controls_text(decoding)),
        figure(pictures["score"], "Decoding accuracy by condition, 95 % intervals, and chance."),
        _score_table(decoding),
        element("p", wording.DECODED, class_="small"),
        element("p", wording.INTERVALS, class_="small"),
        figure(
            pictures["course"],
            "Decoding accuracy of each block over the session (where there are no blocks, of ten "
            "trials in a row), with 95 % intervals."
            + (" All of it is after the calibration." if report.readouts else ""),
        ),
        figure(
            pictures["confusion"],
            "Numbers of trials by gesture shown (rows) and decoded (columns); the brighter, the "
            "larger its part of the row. “none”: nothing was decoded.",
        ),
    )


def _score_table(decoding: Decoding) -> Element:
    outcomes = sorted({name for entry in decoding.conditions for name in entry.outcomes})
    head = [
        "condition",
        "trials",
        "stimulated",
        "left out",
        "right",
        "accuracy",
        "chance",
        "95 % interval",
        "over blocks",
        "p",
        *outcomes,
    ]
    rows = [
        [
            named(entry.condition),
            str(entry.n_trials),
            "unknown" if entry.n_stimulated is None else str(entry.n_stimulated),
            str(entry.n_left_out),
            str(entry.n_right),
            *("-" if value is None else f"{value:.3f}" for value in (entry.accuracy, entry.chance)),
            *(
                "-" if ci95 is None else f"{ci95[0]:.3f} to {ci95[1]:.3f}"
                for ci95 in (entry.ci95, entry.ci95_blocks)
            ),
            f"{entry.p_value:.4f}",
            *(str(entry.outcomes.get(name, 0)) for name in outcomes),
        ]
        for entry in decoding.conditions
    ]
    return table(head, rows)


def _calibration(report: Report, pictures: Mapping[str, Picture]) -> Element:
    parts: list[Part] = []
    for entry in report.readouts:
        parts.append(element("p", wording.readout_text(entry)))
    since = {
        wording.since_text(entry) for entry in report.readouts if entry.actor and not entry.problem
    }
    parts += [element("p", text, class_="small") for text in sorted(since)]
    if "calibration" in pictures:
        caption = (
            "Trials of the calibration by gesture shown and decoded, a block left out at a time."
        )
        parts.append(figure(pictures["calibration"], caption))
    none = element("p", "None: the experiment names no trained readout.")
    return section("Calibration", *(parts or [none]))


def _activity(report: Report, pictures: Mapping[str, Picture]) -> Element:
    activity = report.activity
    if activity is None:
        return section("Activity", element("p", "None: no spikes were recorded."))
    every = kept_every(activity.n_crossings)
    drawn = "" if every == 1 else f" One of {every} crossings is drawn."
    parts: list[Part] = [
        element(
            "p",
            f"{activity.n_crossings} threshold crossings, {activity.mean_rate_hz:.2f} per second "
            f"and electrode on average. {wording.MULTI_UNIT}",
        ),
        figure(
            pictures["session"],
            f"Raster of the whole session.{drawn} Above it the conditions, if there are any; below "
            f"the mean rate of all electrodes in bins of {activity.population_bin_s:g} s. Red: no "
            "data.",
        ),
        figure(pictures["rate-map"], "Mean rate of each electrode over the session, on the array."),
    ]
    if "trials" in pictures:
        caption = (
            "A few trials. Lines: pulses; shaded: from the first pulse until the trial was judged."
        )
        parts.append(figure(pictures["trials"], caption))
    if "evoked" in pictures:
        caption = (
            "Responses to each gesture: threshold crossings per second and electrode in bins of "
            f"{report.evoked[0].bin_s * 1000:g} ms, mean over trials, shaded ± 1 standard error of "
            "it. Grey lines: pulses. Trials without pulses are aligned to where the first would "
            "have been. Left out: trials that the recording has only in part, and those whose "
            "pulses were refused."
        )
        parts.append(figure(pictures["evoked"], caption))
        caption = (
            f"By gesture, condition “{named(shown_on_map(report.evoked)[0].condition)}”: rate of "
            "each electrode from the first pulse until the trial was judged, less its rate in the "
            f"{-report.evoked[0].start_s:g} s before; mean over trials. Circled: electrodes that "
            "were stimulated."
        )
        parts.append(figure(pictures["evoked-map"], caption))
    else:
        parts.append(element("p", "Evoked responses: none, no trial was stimulated."))
    return section("Activity", *parts)


def _loop(report: Report) -> Element:
    stimuli, timing = report.stimuli, report.timing
    parts: list[Part] = [
        element("p", wording.stimuli_text(stimuli) if stimuli else "No stimulus was requested.")
    ]
    if stimuli and stimuli.reasons:
        reasons = list(stimuli.reasons.items())
        rows = [(reason, str(n)) for reason, n in reasons[:_MOST_REASONS]]
        parts.append(table(("refused, stopped, unknown or in doubt because", "trains"), rows))
        if len(reasons) > _MOST_REASONS:
            parts.append(
                element("p", f"and {len(reasons) - _MOST_REASONS} more reasons, see the JSON")
            )
    n_gaps = {name: len(gaps) for name, gaps in timing.gaps.items() if gaps}
    gaps = ", ".join(f"{name}: {n}" for name, n in n_gaps.items()) or "none"
    rows = [
        (
            "latency, from a segment's arrival to the pulses' start",
            wording.latency_text(timing, report.about),
        ),
        (
            "age of a stimulus when it started, its planned delay included",
            wording.spread_text(timing.age_ms),
        ),
        ("gaps", gaps if timing.gaps else "no stream that publishes every window"),
    ]
    parts.append(table((), rows))
    return section("Stimulation and timing", *parts)


def _parameters(session: Session) -> Element:
    text = element("pre", session.text or "none")
    return section("Parameters", element("details", element("summary", "Experiment file"), text))
