"""probeinterface JSON is read and written as the package of that name does."""

import json

import pytest

from crepe.electrodes.geometry import positions_um, with_geometry
from crepe.electrodes.layouts import MCS_60_LABELS
from crepe.electrodes.probe import write_probe
from crepe.errors import ConfigError
from crepe.messages import StreamInfo

INFO = StreamInfo(labels=("a", "b", "c"), ids=("10", "11", "12"))


def write(path, *, contacts=((0, 0), (1, 2)), unit="um", **fields):
    probe = {"ndim": 2, "si_units": unit, "contact_positions": contacts, **fields}
    path.write_text(json.dumps({"specification": "probeinterface", "probes": [probe]}), "utf-8")
    return str(path)


def test_contacts_are_placed_by_their_wiring_by_label_or_by_id(tmp_path):
    path = tmp_path / "p.json"
    wired = with_geometry(INFO, write(path, device_channel_indices=[2, 0]), "x")
    assert wired.positions_um == ((1, 2), None, (0, 0))
    labelled = with_geometry(INFO, write(path, contact_ids=["b", "c"], unit="mm"), "x")
    assert labelled.positions_um == (None, (0, 0), (1000, 2000))
    by_id = with_geometry(INFO, write(path, contact_ids=["12", "99"]), "x")
    assert by_id.positions_um == (None, None, (0, 0))


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({}, "fits no channel: needs device_channel_indices, or contact_ids such as 'a'"),
        ({"device_channel_indices": [0, 3]}, "channel 3, there are 3"),
        ({"device_channel_indices": [1, 1]}, "channel 1 has two contacts"),
        ({"device_channel_indices": [0]}, "no probe of probeinterface"),
        ({"unit": "inch", "contact_ids": ["a", "b"]}, "no probe of probeinterface: KeyError"),
        ({"contact_ids": ["a", "b"], "contacts": ["x", 1]}, "no probe of probeinterface"),
        ({"contact_ids": ["a", "b"], "contacts": [[float("nan"), 0], [0, 0]]}, "position nan"),
    ],
)
def test_a_file_that_does_not_fit_is_refused_in_a_sentence(tmp_path, fields, reason):
    with pytest.raises(ConfigError, match=reason) as caught:
        with_geometry(INFO, write(tmp_path / "p.json", **fields), "x")
    assert str(tmp_path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "[1]", '{"specification": "other"}', "[" * 10_000])
def test_a_file_of_another_kind_is_refused(tmp_path, text):
    (tmp_path / "p.json").write_text(text, "utf-8")
    with pytest.raises(ConfigError, match=r"p\.json: (no JSON|JSON, but not of probeinterface)"):
        with_geometry(INFO, str(tmp_path / "p.json"), "x")
    with pytest.raises(ConfigError, match="does not exist"):
        with_geometry(INFO, str(tmp_path / "none.json"), "x")


def test_what_is_written_is_read_back(tmp_path):
    info = StreamInfo(labels=MCS_60_LABELS, source="a 60MEA")
    path = tmp_path / "p.json"
    write_probe(path, info, positions_um(info))
    assert with_geometry(info, str(path), "x").positions_um == positions_um(info)
    with pytest.raises(ConfigError, match="no position of an electrode is known"):
        write_probe(path, INFO, positions_um(INFO))


def test_probeinterface_reads_what_is_written_and_its_files_are_read(tmp_path):
    probeinterface = pytest.importorskip("probeinterface")
    info = StreamInfo(labels=MCS_60_LABELS, source="a 60MEA")
    write_probe(tmp_path / "own.json", info, positions_um(info))
    (probe,) = probeinterface.read_probeinterface(tmp_path / "own.json").probes
    assert probe.contact_positions.tolist() == [list(p) for p in positions_um(info)]
    assert probe.contact_ids.tolist() == list(MCS_60_LABELS)
    assert probe.device_channel_indices.tolist() == list(range(60))
    grid = probeinterface.generate_multi_columns_probe(2, 2, 30, 40)
    grid.set_device_channel_indices([3, 1, 0, 2])
    probeinterface.write_probeinterface(tmp_path / "theirs.json", grid)
    info = StreamInfo(labels=("a", "b", "c", "d"))
    read = with_geometry(info, str(tmp_path / "theirs.json"), "x").positions_um
    for contact, channel in enumerate((3, 1, 0, 2)):
        assert read[channel] == tuple(grid.contact_positions[contact])
