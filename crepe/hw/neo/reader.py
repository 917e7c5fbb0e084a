"""The choice of Neo's reader for a recording."""

import warnings
from pathlib import Path
from typing import Any, NamedTuple

from crepe.errors import ConfigError, DeviceError, suggest
from crepe.hw.optional_package import import_optional

UNDESCRIBED = "RawBinarySignal"
"""Reader of files that hold samples only: settings describe them."""


class Description(NamedTuple):
    """Statements of the settings about a raw binary file, which states nothing itself."""

    n_channels: int
    sampling_rate_hz: float
    dtype: str


def open_reader(path: Path, reader: str, description: Description | None) -> Any:
    """Return Neo's raw reader of a recording, with its header parsed.

    Parameters
    ----------
    path
        File or folder of the recording.
    reader
        Name of the reader without `RawIO`; "": the one that can read the recording.
    description
        Of a raw binary file, else None.

    Raises
    ------
    ConfigError
        Neo is missing or has no such reader, several can read it, or the description is missing.
    DeviceError
        The recording is missing, or no reader can read it.
    """
    if not path.exists():
        raise DeviceError(f"{path}: does not exist")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Neo and its readers, about their own code
        return _open(path, reader, description)


def _open(path: Path, reader: str, description: Description | None) -> Any:
    rawio = import_optional("neo.rawio", "neo", "neo")
    readers = {kind.__name__.removesuffix("RawIO"): kind for kind in rawio.rawiolist}
    if reader and reader not in readers:
        raise ConfigError(f"{path}: no raw reader {reader!r} in Neo{suggest(reader, readers)}")
    if reader == UNDESCRIBED:
        if description is None:
            raise ConfigError(
                f"{path}: a raw binary file describes nothing; needs n_channels, "
                "sampling_rate_hz and scale_uv, and takes dtype"
            )
        return _parsed(
            readers[reader],
            path,
            dtype=description.dtype,
            sampling_rate=description.sampling_rate_hz,
            nb_channel=description.n_channels,
        )
    if reader:
        try:
            return _parsed(readers[reader], path)
        except Exception as error:  # readers of damaged files raise anything
            text = " ".join(str(error).split())
            raise DeviceError(f"{path}: {reader} cannot read it: {text}") from error
    fitting, reasons = [], []
    suffixes = {each.suffix[1:].lower() for each in (path.rglob("*") if path.is_dir() else [path])}
    for name, kind in readers.items():
        is_possible = suffixes & {extension.lower() for extension in kind.extensions}
        # the reader of raw binary files reads any file, as something
        if not is_possible or _takes_folder(kind) != path.is_dir() or name == UNDESCRIBED:
            continue
        try:
            fitting.append(_parsed(kind, path))
        except Exception as error:  # noqa: BLE001
            reasons.append(f"{name} ({' '.join(str(error).split())[:100]})")
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        names = ", ".join(type(io).__name__.removesuffix("RawIO") for io in fitting)
        raise ConfigError(f"{path}: read by {names}; choose one by `reader`")
    raise DeviceError(
        f"{path}: no raw reader of Neo reads it; tried {', '.join(reasons) or 'none'}; `reader` "
        "names one"
    )


def _parsed(kind: type[Any], path: Path, **arguments: Any) -> Any:
    """Return a reader that has read the header. Raises ValueError without signals."""
    io = kind(**{"dirname" if _takes_folder(kind) else "filename": str(path)}, **arguments)
    io.parse_header()
    if not io.header["signal_channels"].size:
        raise ValueError("has no continuous signals")
    return io


def _takes_folder(kind: type[Any]) -> bool:
    return bool(kind.rawmode == "one-dir")
