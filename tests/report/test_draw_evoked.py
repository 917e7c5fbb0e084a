"""The figure of a map: it names a simulated culture, its links and its control."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from crepe.report import draw_evoked, style
from crepe.results.evoked_map import EvokedMap


@pytest.fixture
def evoked():
    """Two stimulated and three recorded electrodes; 47 answers to 21 directly."""
    shape = 2, 2, 3
    q_value = np.ones(shape)
    q_value[0, 0, 2] = 0.01
    latency_ms = np.full(shape, np.nan)
    latency_ms[0, 0, 2] = 7.0
    return EvokedMap(
        session="a", title="By hand", is_simulated=True, seed=1, stimulated=("21", "31"),
        recorded=("31", "21", "47"), positions_um=((0.0, 0.0), (200.0, 0.0), None),
        windows_ms={"direct": (5.0, 10.0), "recurrent": (10.0, 100.0)}, n_delivered=40,
        n_left_out=0, n_sham_links=3, n_pulses=np.full(shape, 20),
        probability=np.full(shape, 0.5), probability_before=np.zeros(shape),
        latency_ms=latency_ms, p_value=q_value, q_value=q_value,
    )  # fmt: skip


def test_the_figure_shows_links_and_control_and_says_simulated(evoked, monkeypatch):
    figures = []
    monkeypatch.setattr(style, "Figure", lambda **k: figures.append(Figure(**k)) or figures[-1])
    picture = draw_evoked.links(evoked)
    assert picture.png.startswith(b"\x89PNG")
    assert "1 direct and 0 recurrent" in picture.alt
    (figure,) = figures
    assert figure.get_suptitle() == "SIMULATED culture"
    titles = [axes.get_title() or axes.get_title("left") for axes in figure.axes]
    assert "direct, 5 to 10 ms: 1 links" in titles
    assert "halfway between pulses: 3 links" in titles
    image = figure.axes[0].images[0]
    assert [t.get_text() for t in figure.axes[0].get_xticklabels()] == ["21", "31", "47"]
    assert image.get_alpha().tolist() == [[0.3, 0.3, 1.0], [0.3, 0.3, 0.3]]
