"""A recording made by hand, for readers of other programs: two gaps, three trials, notes."""

from pathlib import Path

import numpy as np

from crepe.messages import (
    Command,
    Delivered,
    GameState,
    Segment,
    Spikes,
    Stimulus,
    StreamInfo,
)
from crepe.recording.mcs_layout import About
from crepe.recording.writer import RecordingWriter

RATE_HZ = 10_000.0
LABELS = ("21", "31", "47", "A-003")
PLACES = ((0.0, 0.0), (200.0, 0.0), (200.0, 1400.0), None)
SCALE_UV = 0.195
FIRST, STOP = 500, 40_000
GAPS = ((12_000, 15_000), (20_000, 20_500))
ORIGIN_T_NS = 1_795_000_000_250_000_000
SESSION = "20261118-101010-abcd"
LIVING = {
    "id": "dish-7",
    "species": "Rattus norvegicus",
    "sex": "U",
    "plating_date": "2026-10-28",
    "experimenter": "Meyer, Ada",
    "lab": "Neural cultures",
    "institution": "A university",
    "cell_type": "cortical, E18",
}
EXPERIMENT = 'title = "Three trials"\n'
SPIKES = np.array([700, 11_000, 16_000, 16_001, 39_000])
SPIKE_CHANNELS = np.array([2, 0, 2, 0, 2])
PHASES = ((-10.0, 200.0), (10.0, 200.0))


def samples(start: int, stop: int) -> np.ndarray:
    """The counts of all channels, (4, stop - start); each sample is another."""
    index = np.arange(start, stop)
    return np.stack([(index * k * 7919) % 20_011 - 10_000 for k in (1, 2, 3, 5)]).astype(np.int16)


def record(path: Path, *, is_simulated: bool = False, culture: dict[str, str] = LIVING) -> Path:
    """Write the recording, and return its path."""
    common = {"sampling_rate_hz": RATE_HZ, "session": SESSION, "is_simulated": is_simulated}
    data = StreamInfo(
        labels=LABELS,
        positions_um=PLACES,
        dtype="int16",
        scale_uv=(SCALE_UV,),
        origin_t_ns=ORIGIN_T_NS,
        source="an instrument",
        longest_samples=500,
        **common,
    )
    infos = {
        "data": data,
        "data:spikes": StreamInfo("Spikes", labels=LABELS, **common),
        "result:control": StreamInfo("Command", **common),
        "result:delivered": StreamInfo("Delivered", **common),
        "result:game": StreamInfo("GameState", **common),
        "result:stimuli": StreamInfo("Stimulus", **common),
    }
    about = About(
        SESSION, 3, EXPERIMENT, culture, is_simulated=is_simulated, origin_t_ns=ORIGIN_T_NS
    )
    writer = RecordingWriter(path, about, infos)
    for start in range(FIRST, STOP, 500):
        if any(begin <= start < end for begin, end in GAPS):
            continue
        stop = start + 500
        writer.append("data", Segment(start, stop, samples(start, stop)))
        is_inside = np.isin(SPIKES, np.arange(start, stop))
        channel, at = SPIKE_CHANNELS[is_inside], SPIKES[is_inside]
        spikes = Spikes(start, stop, channel.astype("i4"), at, np.full(len(at), -40, "f4"))
        writer.append("data:spikes", spikes)
    for trial, decoded in ((1, "rock"), (2, "paper"), (3, "rock")):
        begin = 10_000 * trial
        phases = {"stimulation": begin, "outcome": begin + 9000}
        state = GameState(
            begin + 8999, begin + 9000, trial, "outcome", gesture="rock", decoded=decoded,
            outcome="won", phases=phases, score={"won": trial, "lost": 0},
        )  # fmt: skip
        writer.append("result:game", state)
    for number, state, reason, fired in (
        (1, "delivered", "", 10_100),
        (2, "refused", "300 ms old, limit 200 ms", 0),
    ):
        at = 10_000 * number
        request = Stimulus(at, at + 1, number, at + 50, ("21", "47"), PHASES, 20.0, 10, "rock")
        writer.append("result:stimuli", request)
        answer = Delivered(
            at + 200, at + 201, number, state, reason, fired, stream="result:stimuli"
        )
        writer.append("result:delivered", answer)
    for at, text in ((2000, "medium changed"), (30_000, "light on")):
        writer.append("result:control", Command(at, at + 1, "note", text, "page"))
    writer.end()
    return path
