"""Geometry of an array as probeinterface JSON, the format that spike sorters share.

Its schema is documented at probeinterface.readthedocs.io; CREPE reads and writes the few fields
that it uses, and needs no package for it.
"""

import json
import math
from pathlib import Path
from typing import Any

from crepe.errors import ConfigError
from crepe.messages import Position, StreamInfo

_UM = {"um": 1.0, "mm": 1000.0}
_VERSION = "0.2.21"  # of the format as written here; later readers accept it


def read_probe(path: Path, info: StreamInfo) -> tuple[Position | None, ...]:
    """Return the position of each channel in micrometres, None where the file has none.

    A contact belongs to the channel of its `device_channel_indices`, or else to the one whose
    label or ID is its contact ID. Several probes are read as one array; of three dimensions the
    first two are used.

    Raises
    ------
    ConfigError
        The file cannot be read, is of another format, or fits no channel of the stream.
    """
    positions: list[Position | None] = [None] * info.n_channels
    for probe in _probes(path):
        try:
            _place(probe, info, positions, path)
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise ConfigError(f"{path}: no probe of probeinterface: {error!r}") from error
    if not any(positions):
        raise ConfigError(
            f"{path}: fits no channel: needs device_channel_indices, or contact_ids such as "
            f"{', '.join(map(repr, info.labels[:3]))}"
        )
    return tuple(positions)


def _probes(path: Path) -> list[dict[str, Any]]:
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError as error:
        raise ConfigError(f"{path}: does not exist") from error
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"{path}: no JSON that can be read: {error}") from error
    if not isinstance(content, dict) or content.get("specification") != "probeinterface":
        raise ConfigError(f'{path}: JSON, but not of probeinterface: no such "specification"')
    probes = content.get("probes")
    if not isinstance(probes, list) or not all(isinstance(probe, dict) for probe in probes):
        raise ConfigError(f'{path}: has no list "probes"')
    return probes


def _place(
    probe: dict[str, Any], info: StreamInfo, positions: list[Position | None], path: Path
) -> None:
    """Enter the contacts of one probe into the positions."""
    contacts = probe["contact_positions"]
    factor = _UM[probe["si_units"]]
    wiring = probe.get("device_channel_indices") or [-1] * len(contacts)
    ids = probe.get("contact_ids") or [""] * len(contacts)
    for (x, y, *_), index, contact in zip(contacts, wiring, ids, strict=True):
        row = int(index) if any(int(i) >= 0 for i in wiring) else _row(str(contact), info)
        if row < 0:
            continue  # not connected
        if row >= len(positions):
            raise ConfigError(
                f"{path}: contact {contact!r}: channel {row}, there are {len(positions)}"
            )
        if positions[row] is not None:
            raise ConfigError(f"{path}: channel {row} has two contacts")
        place = float(x) * factor, float(y) * factor
        if not all(map(math.isfinite, place)):
            raise ConfigError(f"{path}: contact {contact!r}: position {x}, {y}")
        positions[row] = place


def _row(contact: str, info: StreamInfo) -> int:
    """Return the channel with that label or ID, or -1."""
    for names in (info.labels, info.ids):
        if contact in names:
            return names.index(contact)
    return -1


def write_probe(path: Path, info: StreamInfo, positions: tuple[Position | None, ...]) -> None:
    """Write the electrodes with a known position as one probe.

    The shape of the electrodes is not known to CREPE; the file states circles of 15 um radius,
    which no reader of positions uses. Raises ConfigError if no position is known.
    """
    rows = [row for row, position in enumerate(positions) if position is not None]
    if not rows:
        raise ConfigError(f"{path}: no position of an electrode is known; nothing to write")
    probe = {
        "ndim": 2,
        "si_units": "um",
        "annotations": {"model_name": info.source, "manufacturer": ""},
        "contact_positions": [positions[row] for row in rows],
        "contact_plane_axes": [[[1.0, 0.0], [0.0, 1.0]]] * len(rows),
        "contact_shapes": ["circle"] * len(rows),
        "contact_shape_params": [{"radius": 15.0}] * len(rows),
        "contact_ids": [info.labels[row] for row in rows],
        "device_channel_indices": rows,
    }
    content = {"specification": "probeinterface", "version": _VERSION, "probes": [probe]}
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
