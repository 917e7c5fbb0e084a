"""Sweep files of a shipped experiment."""

from pathlib import Path

from crepe.environment.paths import project_directory

SWEEP = f"""
experiment = "{project_directory() / "config" / "rps-controls.toml"}"

[ranges]
"actors.detect.threshold_sd" = [4.0, 4.5, 5.0, 5.5, 6.0, 6.5]

[cultures]
seeds = [1, 2, 3]
held_out = [101, 102, 103, 104]

[objective]
value = "conditions.*.accuracy"
condition = "stimulation"
goal = "maximize"
"""


def write_sweep(directory: Path, *replaced: tuple[str, str]) -> Path:
    """Write SWEEP with texts replaced, and return its path."""
    text = SWEEP
    for old, new in replaced:
        assert old in text
        text = text.replace(old, new)
    path = directory / "sweep.toml"
    path.write_text(text)
    return path
