"""The sweeps of `benchmarks/sweeps` are files that fit, and all their points do."""

import pytest

from crepe.environment.paths import project_directory
from crepe.study.sweep.file import SweepFile
from crepe.study.sweep.samplers import open_sampler

SWEEPS = sorted((project_directory() / "benchmarks" / "sweeps").glob("*.toml"))


@pytest.mark.parametrize("path", SWEEPS, ids=lambda path: path.stem)
def test_a_sweep_and_its_points_fit(path):
    file = SweepFile(path)
    points = open_sampler(file).ask()
    assert points
    for point in points:
        file.check(point)
