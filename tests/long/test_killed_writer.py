"""A recording outlives its recorder, wherever that is killed: at every write, and at many lengths."""

import pytest

from tests.recording.test_writer import KILLED_WITHIN_A_SECOND, run

KILLED_AT_A_WRITE = """
length, directory = int(sys.argv[1]), Path(sys.argv[2])
first = directory / "first.h5"
assert life(lambda: (write(first, length, 3 * RATE_HZ // length), kill_me()))
n_kept = check(first, 2 * RATE_HZ - chunk_samples(RATE_HZ))
content = first.read_bytes()

def killed_at(number, path):
    calls = 0
    pwrite = os.pwrite
    def last(fd, data, at):
        nonlocal calls
        calls += 1
        if calls < number:
            return pwrite(fd, data, at)
        pwrite(fd, data[: len(data) // 2], at)
        kill_me()
    os.pwrite = last
    write(path, length, 2 * RATE_HZ // length).commit()

number, is_killed = 0, True
while is_killed:
    number += 1
    path = directory / f"{number}.h5"
    path.write_bytes(content)
    is_killed = life(lambda: killed_at(number, path))
    last = check(path, n_kept)
    assert life(lambda: (write(path, length, RATE_HZ // length), kill_me()))
    check(path, last)
    path.unlink()
print(number)
"""


@pytest.mark.parametrize("segment_samples", [32, 40, 100, 500])  # the chunk has 256
def test_a_writer_that_is_killed_in_the_first_second_of_each_life_damages_nothing(
    tmp_path, segment_samples
):
    run(KILLED_WITHIN_A_SECOND, segment_samples, tmp_path, 10)


def test_a_writer_that_is_killed_at_any_write_of_its_second_life_damages_nothing(tmp_path):
    n_writes = int(run(KILLED_AT_A_WRITE, 100, tmp_path))
    assert n_writes > 20
