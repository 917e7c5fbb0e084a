"""A session's report: its numbers, its figures, and the files they are written to."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from crepe.environment import paths
from crepe.environment.versions import versions
from crepe.errors import CrepeError, DeviceError
from crepe.games.section import Section
from crepe.messages import Delivered, GameState, Stimulus
from crepe.recording.choice import find_recording
from crepe.recording.coverage import Coverage
from crepe.report import (
    activity,
    decoding,
    draw_array,
    draw_decoding,
    draw_evoked,
    draw_raster,
    page,
    structure,
    timing,
    views,
)
from crepe.report.activity import Trial
from crepe.report.game import game_section
from crepe.report.numbers import About, Report
from crepe.report.session import Session, read
from crepe.report.style import Picture
from crepe.results.answers import stimulated
from crepe.results.library import REPORT_PAGE, report_directory
from crepe.results.spikes import SpikeTrains
from crepe.results.streams import streams_of


class Content(NamedTuple):
    """Numbers and figures of a report, and what the game adds to them."""

    report: Report
    pictures: dict[str, Picture]
    of_game: Section | None


N_STEPS = 4
"""Steps of a report: the recording is read, numbers, pictures, files."""

Reached = Callable[[float, str], None]
"""Receives the number of steps that are done, and the name of the next."""


def _no_progress(done: float, step: str) -> None:
    del done, step


def write(name: str, out: Path | None = None, reached: Reached = _no_progress) -> Path:
    """Write the report of a session, and return the path of its page.

    `name` is the session's ID, the path of a recording, or `last`. Raises CrepeError.
    """
    session = read(find_recording(name))
    try:
        content = content_of(session, reached)
    finally:
        session.store.close()
    directory = out or report_directory(paths.var_directory(), session.id)
    try:
        if out is None:
            paths.private(directory.parent)
        directory.mkdir(parents=True, exist_ok=True)
        for picture in content.pictures.values():
            (directory / f"{picture.name}.png").write_bytes(picture.png)
        (directory / "report.json").write_text(
            content.report.model_dump_json(indent=1) + "\n", encoding="utf-8"
        )
        # Last, since a directory without the page counts as no report.
        path = directory / REPORT_PAGE
        path.write_text(
            page.html(content.report, session, content.pictures, content.of_game), encoding="utf-8"
        )
    except OSError as error:
        raise CrepeError(f"{directory}: cannot be written: {error.strerror}") from error
    reached(N_STEPS, "")
    return path


def content_of(session: Session, reached: Reached = _no_progress) -> Content:
    """Return the content of a session's report. Raises DeviceError for a damaged recording."""
    reached(0, "reading")
    try:
        crossings = activity.crossings(session)
        states = session.all_of(GameState)
        requests, answers = session.all_of(Stimulus), session.all_of(Delivered)
    except (IndexError, KeyError, ValueError) as error:  # tables and arrays that do not fit
        raise DeviceError(f"session {session.id}: its recording is damaged: {error}") from error
    reached(1, "numbers")
    ended = [state for state in states if state.phase == "outcome"]
    about = _about(session, states)
    trials = activity.trials(ended, requests, answers, about.sampling_rate_hz)
    has_pulses = stimulated(answers) if streams_of(Delivered, session.store) else None
    of_game = game_section(session, ended, about.sampling_rate_hz)
    report = Report(
        about=about,
        decoding=decoding.decoding(session, ended, about.sampling_rate_hz, has_pulses),
        readouts=decoding.readouts(
            session,
            paths.var_directory() / "readouts",
            is_real_time=about.started_at is not None,
        ),
        activity=activity.activity(crossings) if crossings else None,
        structure=structure.structure(crossings, session.seed) if crossings else None,
        evoked=activity.evoked(crossings, trials) if crossings else [],
        stimuli=timing.stimuli(requests, answers),
        timing=timing.timing(session, answers),
        **(of_game.numbers if of_game else {}),
    )
    reached(2, "pictures")
    pictures = _pictures(report, of_game, crossings, trials)
    reached(3, "files")
    return Content(report, {picture.name: picture for picture in pictures}, of_game)


def _pictures(
    report: Report, of_game: Section | None, crossings: SpikeTrains | None, trials: Sequence[Trial]
) -> list[Picture]:
    is_simulated = report.about.is_simulated
    pictures = []
    if report.decoding:
        for draw in (draw_decoding.score, draw_decoding.course, draw_decoding.confusion):
            pictures.append(draw(report.decoding, is_simulated=is_simulated))
    calibrations = [r for r in report.readouts if r.confusion and not r.labels_permuted]
    if calibrations:
        pictures.append(draw_decoding.calibration(calibrations, is_simulated=is_simulated))
    if of_game:
        pictures += views.pictures_of(of_game, is_simulated=is_simulated)
    if crossings is None or report.activity is None:
        return pictures
    rates = report.activity
    blocks = [b for b in report.decoding.blocks if b.condition] if report.decoding else []
    pictures.append(draw_raster.whole(crossings, rates, blocks, is_simulated=is_simulated))
    pictures.append(draw_array.rate_map(rates, trials, is_simulated=is_simulated))
    if trials:
        pictures.append(draw_raster.zoom(crossings, trials, is_simulated=is_simulated))
    if report.structure:
        pictures.append(structure.draw_structure(report.structure, is_simulated=is_simulated))
    if report.evoked:
        drawn = draw_evoked.evoked(
            report.evoked, trials, crossings.rate_hz, is_simulated=is_simulated
        )
        pictures.append(drawn)
        mapped = activity.shown_on_map(report.evoked)
        pictures.append(
            draw_array.evoked_map(mapped, trials, rates.positions_um, is_simulated=is_simulated)
        )
    return pictures


def _about(session: Session, states: Sequence[GameState]) -> About:
    store = session.store
    streams = {name: store[name] for name in store}
    infos = [stream.info for stream in streams.values()]
    rate_hz = max((info.sampling_rate_hz for info in infos), default=0.0)
    has_game = bool(streams_of(GameState, store))
    lengths = {name: len(stream) for name, stream in streams.items()}
    # A stream of events covers its windows only: without samples or spikes, there are no gaps.
    clocked = [name for name, stream in streams.items() if stream.info.kind.is_clocked]
    longest = max(clocked or lengths, key=lambda name: lengths[name], default=None)
    length = lengths[longest] if longest else 0
    gaps = streams[longest].gaps(0, length) if longest in clocked else ()
    coverage = Coverage(length, gaps, rate_hz)
    origin_t_ns = max((info.origin_t_ns for info in infos), default=0)
    begun = datetime.fromtimestamp(origin_t_ns / 1e9, UTC) if origin_t_ns else None
    return About(
        session=session.id,
        title=str(session.experiment.get("title", "")),
        is_simulated=session.is_simulated,
        seed=session.seed,
        course=session.course(is_real_time=begun is not None),
        duration_s=coverage.covered_s,
        n_gaps=len(coverage.gaps),
        missing_s=coverage.missing_s,
        started_at=begun.isoformat(timespec="seconds") if begun else None,
        has_ended=session.has_ended,
        is_closed=session.is_closed,
        parts=list(session.parts),
        part_problems=list(session.part_problems),
        is_game_over=any(s.phase == "over" for s in states) if has_game else None,
        sampling_rate_hz=rate_hz,
        n_electrodes=max((info.n_channels for info in infos), default=0),
        culture=dict(session.culture),
        streams=lengths,
        recorded_with=dict(session.versions),
        versions=versions("scipy", "matplotlib"),
    )
