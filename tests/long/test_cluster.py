"""Six real nodes: cultures that move, and a master that is killed, cost nothing that was acknowledged."""

import asyncio
import itertools
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from benchmarks.cluster_nodes import Cluster, running_cluster, until
from crepe.config.experiment import load_experiment
from crepe.errors import LeaseError, OrderError, StoreError
from crepe.redis_server.check import acl_line, check_server
from crepe.redis_server.cluster import slot_of
from crepe.store import Store
from crepe.store.lease import Holder, Lease
from crepe.store.redis_store import RedisStore
from tests.store.test_faults import INFO, append, entry
from tests.system.conftest import Stack, running_stack, small
from tests.tls_door import ca_file, tls_doors

__all__ = ["small"]  # a fixture


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with running_cluster(tmp_path_factory.mktemp("cluster")) as cluster:
        yield cluster


class Writer(threading.Thread):
    """A writer that appends to `data` until it is stopped, and a reader that follows it."""

    def __init__(self, url: str, culture: str) -> None:
        super().__init__()
        self.store = RedisStore(url, culture=culture, patience_s=60)
        self.store.declare("data", INFO)
        self.acknowledged = 0
        self.is_over = False
        self.has_ended = False
        self.reader = RedisStore(url, culture=culture, patience_s=60)
        self.windows: list[tuple[int, int]] = []
        self.following = threading.Thread(target=self._follow)

    def run(self) -> None:
        self.following.start()
        for start in itertools.count(0, 100):
            self.store.append([("data", entry(start))])
            self.acknowledged = start + 100
            if self.is_over:
                break
        self.has_ended = True
        self.following.join()

    def _follow(self) -> None:
        cursor = 0
        while not (self.has_ended and cursor >= self.acknowledged):
            for _, read in self.reader.wait({"data": cursor}, 0.1):
                self.windows.append((read.start, read.stop))
                cursor = read.stop

    def advances(self, n_samples: int) -> None:
        begin = self.acknowledged
        until(lambda: self.acknowledged > begin + n_samples and self.windows[-1][1] > begin)

    def end(self) -> None:
        self.is_over = True
        self.join()
        for store in (self.store, self.reader):
            store.close()


@pytest.fixture
def write(cluster: Cluster):
    writers = []

    def begin(culture: str) -> Writer:
        writers.append(Writer(cluster.nodes[-1].url, culture))
        writers[-1].start()
        writers[-1].advances(1000)
        return writers[-1]

    yield begin
    for writer in writers:
        writer.is_over = True


def check_whole(writer: Writer, url: str) -> None:
    """Check that reader and server have every sample that was acknowledged, once."""
    stops = np.arange(100, writer.acknowledged + 100, 100)
    assert writer.windows == list(zip(stops - 100, stops, strict=True))
    with Store(url, culture=writer.store.culture) as store:
        data = store["data"]
        assert len(data) == writer.acknowledged
        assert data.gaps(data.first, len(data)) == []
        np.testing.assert_array_equal(data[0, :], np.arange(data.first, len(data)))


def test_each_node_leads_to_the_culture_and_all_its_keys_are_on_one(cluster):
    for number, node in enumerate(cluster.nodes):
        culture = f"culture-{number}"
        store = RedisStore(node.url, culture=culture)
        store.declare("data", INFO)
        append(store, 0, 300)
        store.append_unclocked("input", b"rock")
        store.beat("acquire", {"state": "running"})
        store.register("data", "record", 100)
        assert store.streams() == ["data"]
        assert store.beats() == {"acquire": {"state": "running"}}
        keys = cluster.master_of(culture)("CLUSTER", "GETKEYSINSLOT", slot_of(culture), 100)
        assert len(keys) == 8
        assert all(key.startswith(f"{{{culture}}}:".encode()) for key in keys)
        store.close()
    assert len({cluster.master_of(f"culture-{number}").port for number in range(6)}) == 3


def test_lease_fence_and_retention_hold_on_a_cluster(cluster):
    first, second = (RedisStore(node.url, keep_s=0.5) for node in cluster.nodes[:2])
    lease = Lease(first, Holder("one", "lab", "me", 1, "today"))
    lease.take()
    Lease(second, Holder("two", "lab", "me", 2, "today")).take(take_over=True)
    with pytest.raises(LeaseError, match="session two"):
        lease.renew()
    first.declare("data", INFO)
    append(first, 0, 50_000)
    assert 0 < first.first("data").start <= 45_000
    with pytest.raises(OrderError, match="is writing it"):
        second.declare("data", INFO)
    second.declare("data", INFO, takes_over=True)
    with pytest.raises(OrderError, match="another writer has the stream"):
        append(first, 50_000, 50_100)
    append(second, 50_000, 50_100)
    for store in (first, second):
        store.close()


def test_the_printed_rights_suffice_on_a_cluster(cluster):
    line = acl_line("rights").replace("PASSWORD", "hunter2").split()
    for node in cluster.nodes:
        node(*line)
    url = cluster.nodes[4].url.replace("://", "://crepe:hunter2@")
    assert [finding.is_well for finding in check_server(url, "rights")] == [True, True]
    store = RedisStore(url, culture="rights")
    store.declare("data", INFO)
    append(store, 0, 300)
    store.close()
    for node in cluster.nodes:
        node(*line, "-cluster|slots")
    (finding,) = check_server(url, "rights")
    assert finding.is_well is False
    assert "+cluster|slots" in finding.text


def test_a_slot_that_moves_under_a_writer_costs_no_sample(cluster, write):
    writer = write("moving")
    slot, source = slot_of("moving"), cluster.master_of("moving")
    target = next(node for node in cluster.nodes[:3] if node is not source)
    target("CLUSTER", "SETSLOT", slot, "IMPORTING", source.id)
    source("CLUSTER", "SETSLOT", slot, "MIGRATING", target.id)
    writer.advances(1000)
    asked = RedisStore(source.url, culture="moving", patience_s=60)
    for key in (b"{moving}:data", b"{moving}:data:info", b"{moving}:streams"):
        assert source("MIGRATE", "127.0.0.1", target.port, "", 0, 5000, "KEYS", key) == b"OK"
        if key.endswith(b"data"):  # the claim and the data are on two nodes: nothing is appended
            assert asked.last("data").stop >= writer.acknowledged
            assert asked.info("data").writer == writer.store.writer
    assert asked.streams() == ["data"]
    while keys := source("CLUSTER", "GETKEYSINSLOT", slot, 100):
        source("MIGRATE", "127.0.0.1", target.port, "", 0, 5000, "KEYS", *keys)
    for node in (target, source):
        node("CLUSTER", "SETSLOT", slot, "NODE", target.id)
    writer.advances(1000)
    writer.end()
    check_whole(writer, source.url)
    assert cluster.master_of("moving") is target
    asked.close()


def test_a_slot_that_moves_as_a_whole_costs_no_sample(cluster, write):
    writer = write("whole")
    slot, source = slot_of("whole"), cluster.master_of("whole")
    if b"MIGRATESLOTS" not in b"".join(source("CLUSTER", "HELP")):
        pytest.skip("this server moves slots key by key only")
    masters = (cluster.master_of(f"culture-{number}") for number in range(6))
    target = next(node for node in masters if node is not source)
    source("CLUSTER", "MIGRATESLOTS", "SLOTSRANGE", slot, slot, "NODE", target.id)
    until(lambda: cluster.master_of("whole") is target)
    writer.advances(1000)
    writer.end()
    check_whole(writer, source.url)


def test_a_frozen_master_is_left_for_the_replica_that_takes_over(cluster, write):
    writer = write("frozen")
    master = cluster.master_of("frozen")
    os.kill(master.process.pid, signal.SIGSTOP)
    try:
        until(lambda: cluster.shard_of("frozen").nodes[0].port != master.port)
        writer.advances(1000)
    finally:
        os.kill(master.process.pid, signal.SIGCONT)
    writer.advances(1000)
    writer.end()
    check_whole(writer, cluster.nodes[0].url)


def test_tls_and_the_rights_of_a_user_hold_through_a_failover(tmp_path):
    with ExitStack() as stack:

        def doors(ports):
            servers = [partial(asyncio.open_connection, "127.0.0.1", port) for port in ports]
            return stack.enter_context(tls_doors(servers, "127.0.0.1"))

        cluster = stack.enter_context(running_cluster(tmp_path, doors))
        for node in cluster.nodes:
            node(*acl_line("secured").replace("PASSWORD", "hunter2").split())
        named = next(node for node in cluster.nodes if node is not cluster.master_of("secured"))
        address = f"rediss://crepe:hunter2@127.0.0.1:{named.client_port}"
        url = f"{address}?ssl_ca_certs={ca_file(tmp_path)}"
        assert {finding.is_well for finding in check_server(url, "secured")} == {True}
        with pytest.raises(StoreError, match="certificate"):
            Store(address, culture="secured", patience_s=0)
        writer = Writer(url, "secured")
        writer.start()
        writer.advances(1000)
        cluster.master_of("secured").kill()
        writer.advances(1000)
        writer.end()
        check_whole(writer, url)


@pytest.fixture
def stack_on(cluster, tmp_path, monkeypatch):
    """Runs an experiment with CREPE_REDIS at another node than the master of its culture."""
    with running_stack(tmp_path / "v") as stack:

        def start(file: str) -> Stack:
            culture = load_experiment(Path(file)).name
            until(lambda: len(cluster.shard_of(culture).nodes) == 2)  # also after other tests
            master = cluster.master_of(culture)
            named = next(node for node in cluster.nodes if node.is_alive and node is not master)
            environment = {"CREPE_VAR": str(stack.var), "CREPE_REDIS": named.url}
            stack.environment |= environment
            for name, value in environment.items():
                monkeypatch.setenv(name, value)
            stack.crepe("up", file, "--new")
            return stack

        yield start


def test_a_session_and_what_was_acknowledged_survive_the_death_of_a_master(
    cluster, stack_on, small
):
    text = Path(small).read_text(encoding="utf-8")
    Path(small).write_text(f'name = "killed"\n{text}', encoding="utf-8")
    stack = stack_on(small)
    with Store(patience_s=60) as store:
        assert store.culture == "killed"
        data = store["data"]
        stack.wait(lambda: len(data) > 20_000)
        first, stop = data.first, len(data)
        acknowledged = data.read(first, stop)
        cluster.master_of("killed").kill()
        stack.wait(lambda: len(data) > stop + 20_000)
        assert data.gaps(data.first, len(data)) == []
    checked = stack.crepe("check", small, "--redis")
    assert "slot" in checked.stdout
    assert "without a replica" in checked.stdout
    assert {row["state"] for row in stack.rows().values() if row["program"] != "redis"} == {
        "running"
    }
    for pid in stack.pids():
        with suppress(ProcessLookupError):  # it followed its supervisord
            os.kill(pid, signal.SIGKILL)
    stack.wait(lambda: not stack.pids())
    stack.crepe("up", small, "--resume")
    with Store(patience_s=60) as store:
        length = len(store["data"])
        stack.wait(lambda: len(store["data"]) > length)
    stack.crepe("down")
    with Store("last") as recording:
        recorded = recording["data"]
        np.testing.assert_array_equal(recorded.read(first, stop), acknowledged)
        assert recorded.gaps(0, length) == []
