"""The append-only file is off while less than the reserve is free, and on again afterwards."""

import shutil
import time
from collections import namedtuple

import pytest
import redis

from crepe.supervise import append_only
from crepe.supervise.append_only import AppendOnlyLimit

Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def limit(own_server, tmp_path, monkeypatch):
    """A limit with a reserve of 10 MB, the server's client, the free bytes, and what it reports."""
    own_server.start(appendonly="yes")
    free, reports = [10**9], []
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(10**9, 0, free[0]))
    server = {"url": own_server.url, "pid": 4711}
    monkeypatch.setattr(append_only, "running_server", lambda var: server)
    client = redis.Redis.from_url(own_server.url)
    yield AppendOnlyLimit(tmp_path, 10e6, reports.append), client, free, reports
    while any(client.info("persistence")[f"aof_rewrite_{n}"] for n in ("in_progress", "scheduled")):
        time.sleep(0.02)  # until it has its first file, a server refuses to end
    client.close()


def state(client):
    return client.config_get("appendonly")["appendonly"]


def test_the_file_is_off_while_there_is_no_room(limit):
    switch, client, free, reports = limit
    switch.look()
    assert (state(client), reports) == ("yes", [])
    free[0] = 9_000_000
    for _ in range(3):
        switch.look()
    assert state(client) == "no"
    free[0] = 15_000_000  # the rewrite would take it below the reserve again
    switch.look()
    assert state(client) == "no"
    free[0] = 10**9
    for _ in range(3):
        switch.look()
    assert state(client) == "yes"
    assert len(reports) == 2
    assert reports[0].startswith("append-only file: off, 9 MB free, 10 MB must stay")


def test_a_server_without_that_file_is_left_as_it_is(limit):
    switch, client, free, reports = limit
    client.config_set("appendonly", "no")
    free[0] = 0
    switch.look()
    free[0] = 10**9
    switch.look()
    assert (state(client), reports) == ("no", [])
