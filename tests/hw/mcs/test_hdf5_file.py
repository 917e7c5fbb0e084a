"""A file is read by itself: what takes data from other files is refused."""

import h5py
import numpy as np
import pytest

from crepe.errors import DeviceError
from crepe.hw.mcs.hdf5_file import open_hdf5, single, text_of
from tests.mcs_files import ANALOG, make_mcs, ramp


@pytest.fixture
def secret(tmp_path):
    path = tmp_path / "secret.bin"
    path.write_bytes(np.arange(3000, dtype="<i4").tobytes())
    return path


def refusal(path):
    with pytest.raises(DeviceError, match="a recording must hold its own data") as caught:
        open_hdf5(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_samples_that_lie_in_another_file_are_refused(tmp_path, secret):
    path = tmp_path / "a.h5"
    make_mcs(path, ramp())
    with h5py.File(path, "a") as file:
        stream = file[f"{ANALOG}/Stream_0"]
        del stream["ChannelData"]
        stream.create_dataset("ChannelData", (3, 1000), "<i4", external=[(str(secret), 0, 12_000)])
    assert f"ChannelData has its data in the file '{secret}'" in refusal(path)


def test_links_to_other_files_and_virtual_datasets_are_refused(tmp_path):
    other = tmp_path / "other.h5"
    make_mcs(other, ramp())
    with h5py.File(tmp_path / "link.h5", "w") as file:
        file["Data"] = h5py.ExternalLink(str(other), "/Data")
    assert "/Data is a link to the file" in refusal(tmp_path / "link.h5")
    layout = h5py.VirtualLayout((3, 1000), "i4")
    layout[:] = h5py.VirtualSource(str(other), f"{ANALOG}/Stream_0/ChannelData", (3, 1000))
    with h5py.File(tmp_path / "virtual.h5", "w") as file:
        file.create_group("deep/down").create_virtual_dataset("x", layout)
    assert "/deep/down/x is a virtual dataset" in refusal(tmp_path / "virtual.h5")


def test_links_inside_a_file_are_its_own_also_in_a_circle(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        group = file.create_group("a")
        group["up"] = file["/"]
        group["soft"] = h5py.SoftLink("/a/nowhere")
        file["twice"] = group
    open_hdf5(tmp_path / "a.h5").close()


def test_values_in_arrays_of_one_are_single():
    assert text_of(np.array([b"Electrode  \r\n\0"])) == "Electrode"
    assert single(np.array([7])) == 7
    assert text_of(b"\xe4") == "ä"
