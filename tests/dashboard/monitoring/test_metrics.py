"""The metrics of a session, as Prometheus' own library parses them."""

import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families

from crepe.config.disk_space import DiskLeft
from crepe.dashboard.integrity import Gaps
from crepe.dashboard.monitoring.metrics import SessionCollector, SessionMetrics
from crepe.messages import ChannelStates, Delivered, GameState, Spikes, StreamInfo

ROW = {
    "program": "detect", "state": "running", "pid": 1, "up/s": 61, "restarts": 2,
    "position": 20_000, "lag": 500, "p50/ms": 0.25, "p99/ms": 4.0, "gaps": 1, "missing": 100,
    "unreadable": 3, "problem": "",
}  # fmt: skip
BASE_UNITS = ("seconds", "bytes", "hertz", "ratio", "info", "total")
WITHOUT_UNIT = ("state", "problem", "allowed", "latched", "up", "channels")


def metrics(view, **changes):
    usual = SessionMetrics(
        view=view,
        age_s=0.5,
        programs=[ROW, {**ROW, "program": 'a"\n\\', "state": "stale for 7 s", "problem": "hangs"}],
        memory_bytes={"detect": 4096},
        gaps=Gaps(2, 700, ()),
        control={"can_stimulate": True, "refusal": "", "is_stopped": False, "armed_s": 60},
        disk=DiskLeft(10**9, 2.0),
        is_store_read=True,
    )
    return SessionCollector(usual._replace(**changes))


def parsed(collector):
    """The samples of an answer by name and labels, and the families."""
    from prometheus_client.exposition import generate_latest

    text = generate_latest(collector).decode()
    families = list(text_string_to_metric_families(text))
    samples = {
        (sample.name, *(f"{k}={v}" for k, v in sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }
    return samples, families


def test_what_is_known_of_a_session_is_parsed_with_its_units(session):
    fed = session()
    spikes = np.array([1, 2], np.int32), np.array([10, 20], np.int64), np.zeros(2, np.float32)
    fed.take("data:spikes", Spikes(0, 15_000, *spikes))
    fed.take("result:game", GameState(100, 200, 1, "outcome", outcome="won", condition="sham"))
    delivered = [
        Delivered(100, 200, 1, "delivered", "", 150, 40.0),
        Delivered(200, 300, 2, "refused"),
    ]
    fed.take("result:delivered", *delivered)
    samples, _ = parsed(metrics(fed.session_view))
    assert samples["crepe_session_position_seconds",] == 1.5
    assert samples["crepe_spikes_total",] == 2
    assert samples["crepe_acquired_missing_samples_total",] == 700
    assert samples["crepe_stimuli_total", "state=delivered"] == 1
    assert samples["crepe_stimuli_total", "state=refused"] == 1
    assert samples["crepe_trials_total", "condition=sham", "outcome=won"] == 1
    assert samples["crepe_program_lag_seconds", "program=detect"] == 0.05
    assert samples["crepe_program_restarts_total", "program=detect"] == 2
    step = "crepe_program_step_duration_seconds"
    assert samples[step, "program=detect", "quantile=0.99"] == 0.004
    assert samples["crepe_program_resident_memory_bytes", "program=detect"] == 4096
    assert samples["crepe_disk_left_seconds",] == 7200
    assert samples["crepe_stimulation_allowed",] == samples["crepe_store_up",] == 1


def test_delays_are_cumulative_histograms_in_seconds(session):
    view = session().session_view
    for ms in (-1.0, 0.5, 4.0, 700.0):
        view.fired.take(ms)
    samples, _ = parsed(metrics(view))
    name = "crepe_stimulus_delay_seconds"
    assert samples[f"{name}_bucket", "le=0.001"] == 2
    assert samples[f"{name}_bucket", "le=0.005"] == 3
    assert samples[f"{name}_bucket", "le=0.5"] == 3
    assert samples[f"{name}_bucket", "le=+Inf"] == samples[f"{name}_count",] == 4
    assert samples[f"{name}_sum",] == pytest.approx(0.7045)
    assert samples["crepe_decision_delay_seconds_count",] == 0


def test_names_have_base_units_and_counters_end_in_total(session):
    fed = session()
    fed.take("data:spikes", Spikes.none(0, 100))
    fed.session_view.newest["ChannelStates"] = ChannelStates(0, 100, ("ok", "dead", "ok"))
    samples, families = parsed(metrics(fed.session_view))
    assert samples["crepe_channels", "state=ok"] == 2
    assert len({family.name for family in families}) == len(families)
    for family in families:
        assert family.name.startswith("crepe_")
        assert family.documentation.endswith(".")
        last = family.name.rpartition("_")[2]
        if family.type == "counter":
            assert all(sample.name == f"{family.name}_total" for sample in family.samples)
        else:
            assert last in BASE_UNITS + WITHOUT_UNIT, family.name


def test_any_text_of_a_program_is_escaped(session):
    samples, _ = parsed(metrics(session().session_view))
    assert samples["crepe_program_state", 'program=a"\n\\', "state=stale"] == 1
    assert samples["crepe_program_problem", 'program=a"\n\\'] == 1


@pytest.mark.parametrize("is_simulated", [True, False])
def test_a_simulated_culture_says_so(session, is_simulated):
    view = session().session_view
    view.infos["data"] = StreamInfo("Segment", is_simulated=is_simulated, source="meame://x")
    (info,) = [name for name in parsed(metrics(view))[0] if name[0] == "crepe_session_info"]
    source = "SIMULATED: meame://x" if is_simulated else "meame://x"
    assert f"source={source}" in info


def test_before_a_session_there_is_what_is_known(session):
    from crepe.dashboard.session_view import SessionView

    nothing = metrics(
        SessionView(""), programs=[], memory_bytes={}, gaps=None, disk=None, is_store_read=False
    )
    samples, _ = parsed(nothing)
    assert samples["crepe_store_up",] == 0
    assert not any(name[0].startswith(("crepe_disk", "crepe_acquired")) for name in samples)
