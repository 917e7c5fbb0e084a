"""The files of one session: its recording, and those that were set aside before it.

`<session>.h5` is the newest part. Those before it are `<session>.damaged-<number>.h5`; their
numbers grow.
"""

from pathlib import Path

_MARK = ".damaged-"


def main_file(path: Path) -> Path:
    """Return the path of the newest part of the session to which a file belongs."""
    return path.with_name(f"{path.stem.partition(_MARK)[0]}{path.suffix}")


def parts_set_aside(path: Path) -> list[Path]:
    """Return the earlier parts of the session whose newest part is `path`, the oldest first."""
    begin = f"{path.stem}{_MARK}"
    numbers = {
        int(number): file  # sorted as a number: 10 comes after 2
        for file in path.parent.glob(f"*{path.suffix}")
        if file.stem.startswith(begin) and (number := file.stem.removeprefix(begin)).isdecimal()
    }
    return [numbers[number] for number in sorted(numbers)]


def set_aside(path: Path) -> Path:
    """Rename a recording that cannot be continued; return its new path."""
    earlier = parts_set_aside(path)
    number = int(earlier[-1].stem.rpartition("-")[2]) + 1 if earlier else 1
    return path.rename(path.with_stem(f"{path.stem}{_MARK}{number}"))
