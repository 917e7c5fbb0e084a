"""The map of the array: electrodes where they are, and no invented places for the others."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from crepe.messages import Spikes, StreamInfo
from crepe.report import activity, draw_array
from crepe.results.spikes import spike_trains
from crepe.store import Store
from crepe.store.memory_store import MemoryStore


@pytest.fixture
def axes_of(monkeypatch):
    """Draws the rate map of three electrodes at these positions; returns the map's axes."""

    def drawn(name, alt, height_in, draw, *, is_simulated):
        figure = Figure()
        draw(figure)
        return figure.axes[0]

    def axes(positions):
        memory = MemoryStore(writer="detect")
        memory.declare(
            "data:spikes", StreamInfo("Spikes", 1000.0, ("a", "b", "Ref"), positions_um=positions)
        )
        store = Store(memory)
        spikes = np.array([0, 1]), np.array([3, 9]), np.array([-40.0, -40.0], np.float32)
        store["data:spikes"].append_message(Spikes(0, 100, *spikes))
        rates = activity.activity(spike_trains(store))
        assert tuple(rates.positions_um.values()) == positions
        return draw_array.rate_map(rates, [], is_simulated=True)

    monkeypatch.setattr(draw_array, "picture", drawn)
    return axes


def places(axes):
    return np.ma.filled(axes.collections[0].get_offsets(), np.nan).tolist()


def test_electrodes_are_where_they_are(axes_of):
    axes = axes_of(((0.0, 0.0), (70.0, 20.0), (10.0, 90.0)))
    assert places(axes) == [[0, 0], [70, 20], [10, 90]]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("x (µm)", "y (µm)")
    assert [text.get_text() for text in axes.texts] == ["a", "b", "Ref\nref"]


def test_without_positions_electrodes_are_in_the_order_of_the_channels(axes_of):
    axes = axes_of((None, None, None))
    assert places(axes) == [[0, 0], [1, 0], [0, 1]]
    assert axes.get_xlabel() == "positions not known:\nin the order of the channels"
    assert len(axes.get_xticks()) == len(axes.get_yticks()) == 0


def test_an_electrode_without_a_position_among_others_is_named_and_not_drawn(axes_of):
    axes = axes_of(((0.0, 0.0), None, (10.0, 90.0)))
    assert np.isnan(places(axes)[1]).all()
    assert axes.get_xlabel() == "x (µm)\npositions not known of 1 of 3 electrodes: b"
