"""A recording in the layout of CREPE 0.1, made without CREPE: two electrodes, one trial of 1 s."""

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np

SESSION = "20251127-022933-2812"
LABELS = ["47", "48"]
RATE_HZ = 1000.0
N_SAMPLES = 1000
SPIKE_SAMPLES = [150, 250, 620]

EXPERIMENT = """
title = "Of the first version"
seed = 5

[hand]
frames_per_s = 10

[actors.decode]
run = "crepe.actors.decode:NearestRate"
rates_hz = { rock = 20, paper = 40 }

[actors.game]
run = "crepe.actors.game:RockPaperScissors"
rates_hz = { rock = 20, paper = 40 }
"""

_INFO = {
    "sampling_rate_hz": RATE_HZ,
    "labels": LABELS,
    "dtype": "int32",
    "scale_uv": [0.5],
    "segment_samples": 100,
    "longest_samples": 1000,
    "origin_t_ns": 1_764_210_573_000_000_000,
    "is_live": True,
    "is_simulated": True,
    "source": "generator",
    "session": SESSION,
    "writer": "acquire-1-2",
}
_INT, _FLOAT = "<i8", "<f8"


def make_old_recording(path: Path, *, is_first: bool = False) -> None:
    """Write it; `is_first` leaves out the attributes that the first versions did not write."""
    with h5py.File(path, "w") as file:
        root = file.create_group("CREPE")
        root.attrs["format"] = 1
        root.attrs["session"], root.attrs["seed"] = SESSION, 5
        root.attrs["is_simulated"], root.attrs["ended"] = True, np.int8(0)
        if not is_first:
            root.attrs["closed"] = np.int8(1)
            root.attrs["versions"] = json.dumps({"crepe": "0.1.0"})
        root.create_dataset("experiment", data=EXPERIMENT, dtype=h5py.string_dtype())
        root.create_dataset("culture", data=json.dumps({"id": "old"}), dtype=h5py.string_dtype())
        streams = root.create_group("streams")
        windows = [(at, at + 100) for at in range(0, N_SAMPLES, 100)]
        _add_data(streams, windows)
        _add_spikes(streams, windows)
        _add_trial(streams)


def _add(
    streams: h5py.Group,
    name: str,
    message: str,
    *,
    columns: list[tuple[str, str]],
    rows: list[tuple[Any, ...]],
    others: list[dict[str, Any]],
    arrays: dict[str, tuple[Any, list[int]]] | None = None,
) -> None:
    """Write a stream: numbers of a row, its JSON, and by field an array and the rows' ends."""
    arrays = arrays or {}
    group = streams.create_group(name)
    info = json.dumps({"message": message, **_INFO})
    group.create_dataset("info", data=info, dtype=h5py.string_dtype())
    group.create_dataset("n_messages", data=np.array([len(rows)]))
    texts = [json.dumps(values).encode() if values else b"" for values in others]
    json_stops = np.cumsum([len(text) for text in texts]).tolist()
    stops = [("json_stop", _INT), *((f"{field}.stop", _INT) for field in arrays)]
    table = np.array(
        [
            (*row, json_stops[i], *(ends[i] for _, ends in arrays.values()))
            for i, row in enumerate(rows)
        ],
        [("start", _INT), ("stop", _INT), *columns, *stops],
    )
    group.create_dataset("messages", data=table, maxshape=(None,), chunks=(512,))
    text = np.frombuffer(b"".join(texts), np.uint8)
    group.create_dataset("json", data=text, maxshape=(None,), chunks=(16_384,))
    fields = group.create_group("fields")
    for field, (array, _) in arrays.items():
        chunks = (*array.shape[:-1], 128)
        fields.create_dataset(field, data=array, maxshape=(*array.shape[:-1], None), chunks=chunks)


def _add_data(streams: h5py.Group, windows: list[tuple[int, int]]) -> None:
    samples = np.arange(2 * N_SAMPLES, dtype=np.int32).reshape(2, N_SAMPLES)
    columns = [("t_ns", _INT), ("is_estimated", "?")]
    rows = [(start, stop, stop * 1_000_000, False) for start, stop in windows]
    stops = [stop for _, stop in windows]
    _add(
        streams,
        "data",
        "Segment",
        columns=columns,
        rows=rows,
        others=[{}] * len(rows),
        arrays={"samples": (samples, stops)},
    )


def _add_spikes(streams: h5py.Group, windows: list[tuple[int, int]]) -> None:
    ends = [sum(sample < stop for sample in SPIKE_SAMPLES) for _, stop in windows]
    arrays = {
        "channel": (np.array([0, 1, 1], np.int32), ends),
        "sample": (np.array(SPIKE_SAMPLES), ends),
        "amplitude_uv": (np.full(3, -50, np.float32), ends),
    }
    _add(
        streams,
        "data:spikes",
        "Spikes",
        columns=[],
        rows=windows,
        others=[{}] * len(windows),
        arrays=arrays,
    )


def _add_trial(streams: h5py.Group) -> None:
    phases = {"rest": 0, "stimulation": 200, "response": 500, "outcome": 900}
    state = {
        "phase": "outcome",
        "gesture": "rock",
        "answer": "paper",
        "outcome": "won",
        "score": {"won": 1},
        "phases": phases,
        "decoded": "rock",
        "shown_by": "script",
        "condition": "",
    }
    columns = [("trial", _INT), ("block", _INT)]
    _add(
        streams,
        "result:game",
        "GameState",
        columns=columns,
        rows=[(899, 900, 1, 0)],
        others=[state],
    )
    columns = [("number", _INT), ("due", _INT), ("rate_hz", _FLOAT), ("n_pulses", _INT)]
    request = {
        "electrodes": ["48"],
        "phases": [[-10.0, 200.0], [10.0, 200.0]],
        "meaning": "rock",
        "unit": "uA",
    }
    _add(
        streams,
        "result:stimuli",
        "Stimulus",
        columns=columns,
        rows=[(199, 200, 1, 210, 20.0, 6)],
        others=[request],
    )
    columns = [("number", _INT), ("fired", _INT), ("age_ms", _FLOAT), ("t_ns", _INT)]
    columns += [("acquired_ns", _INT)]
    rows = [(209, 210, 1, 0, 0.0, 0, 0), (499, 500, 1, 215, 15.0, 7, 6)]
    answers = [{"state": "intended", "reason": ""}, {"state": "delivered", "reason": ""}]
    _add(streams, "result:delivered", "Delivered", columns=columns, rows=rows, others=answers)
