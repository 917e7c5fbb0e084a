"""Groups of channels are named by number and count, and share the channels as equally as can be."""

import pytest

from crepe.errors import ConfigError
from crepe.messages import StreamInfo
from crepe.store.groups.names import (
    group_infos,
    group_name,
    group_number,
    groups_among,
    is_group,
    rows_of,
    whole_info,
    whole_name,
)

INFO = StreamInfo(
    labels=("a", "b", "c", "d", "e"),
    ids=("0", "1", "2", "3", "4"),
    positions_um=((0.0, 0.0), None, (0.0, 1.0), None, (1.0, 1.0)),
    scale_uv=(1.0, 2.0, 2.0, 1.0, 1.0),
)


def test_a_group_is_named_by_its_stream_number_and_count():
    name = group_name("data:spikes", 2, 4)
    assert name == "data:spikes/2of4"
    assert (is_group(name), whole_name(name), group_number(name)) == (True, "data:spikes", 2)
    assert (is_group("data"), whole_name("data"), group_number("data")) == (False, "data", None)


@pytest.mark.parametrize(("n_channels", "n_groups"), [(5, 2), (7, 3), (60, 7), (4, 4), (1024, 3)])
def test_groups_have_all_channels_once_and_differ_by_one_at_most(n_channels, n_groups):
    rows = rows_of(n_channels, n_groups)
    assert [i for r in rows for i in range(r.start, r.stop)] == list(range(n_channels))
    sizes = [r.stop - r.start for r in rows]
    assert max(sizes) - min(sizes) <= 1


def test_groups_are_a_stream_only_if_all_of_them_exist():
    names = ["data/0of2", "data/1of2", "data/0of3", "data:spikes/0of2"]
    assert groups_among("data", names) == ("data/0of2", "data/1of2")
    assert groups_among("data:spikes", names) == ()


@pytest.mark.parametrize("scale_uv", [(1.0, 2.0, 2.0, 1.0, 1.0), (0.5,)])
def test_the_description_of_the_whole_is_that_of_its_groups(scale_uv):
    info = StreamInfo(
        **{name: getattr(INFO, name) for name in StreamInfo.__slots__} | {"scale_uv": scale_uv}
    )
    groups = group_infos(info, 2, "data")
    assert [group.labels for group in groups] == [("a", "b"), ("c", "d", "e")]
    assert whole_info(groups) == info


def test_more_groups_than_channels_are_refused():
    with pytest.raises(ConfigError, match=r"data: 5 channels, so .* at most 5 shards, not 6"):
        group_infos(INFO, 6, "data")
