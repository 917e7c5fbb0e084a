"""Both HTTP APIs keep to their OpenAPI descriptions, whatever is sent: tried by schemathesis."""

import pytest
import schemathesis
import urllib3
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.specs.openapi import checks

from crepe.config.experiment import load_experiment
from crepe.config.tables import SensorTable
from crepe.dashboard.access import PageAccess
from crepe.dashboard.control import Control
from crepe.dashboard.follow import SessionFollower
from crepe.dashboard.monitoring.routes import metrics_routes
from crepe.dashboard.player_queue import PlayerQueue
from crepe.dashboard.report_maker import ReportState
from crepe.dashboard.routes import Page
from crepe.dashboard.session_routes import session_routes
from crepe.dashboard.session_view import SessionView
from crepe.results.library import Library
from crepe.sensor.input_tracker import InputTracker
from crepe.sensor.openapi import DOCUMENT
from crepe.sensor.routes import make_app
from crepe.store.memory_store import Memory, MemoryStore
from crepe.web.access import Rate
from tests.dashboard.test_session_routes import ID, record
from tests.running_server import running_server

HOST = "127.0.0.1"
TOKEN = "sixteen-characters-at-least"
CHECKS = (
    schemathesis.checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
    checks.negative_data_rejection,
)
"""An answer is never a fault of the server, always one that is described, and wrong data is refused."""

EXAMPLES = settings(
    max_examples=150,
    deadline=None,
    derandomize=True,  # the same requests in every run
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


class Reports:
    """A maker of reports that makes none."""

    making = ""

    def begin(self, session_id, recording):
        return True

    def state(self, session_id):
        return ReportState("making")


def serving(app, directory):
    at = {"usual_port": 18_170, "token": TOKEN, "has_websockets": True}
    return running_server(app, "api", directory, **at)


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """The page's server over streams in memory and one recording, and an operator's headers."""
    directory = tmp_path_factory.mktemp("page")
    record(directory, ID)
    memory = Memory()
    live = SessionFollower(lambda: MemoryStore(memory), lambda: ("", {}), lambda _: [], 5.0)
    live.session_view = SessionView("s", {"actors": {"game": {"reads": ["input"], "writes": []}}})
    control = Control(directory, lambda: MemoryStore(memory, writer="page"))
    library = Library(directory)
    routes = Page(live, control, PlayerQueue(), library, can_stimulate=True, frames_per_s=5.0)
    metrics = metrics_routes(live, control, load_experiment(), directory)
    app = routes.app([*session_routes(library, Reports()), *metrics])
    with serving(PageAccess(app, host=HOST, token=TOKEN), directory) as server:
        answer = urllib3.request("GET", f"{server.url}/?token={TOKEN}", redirect=False)
        cookie = answer.headers["set-cookie"].partition(";")[0]
        yield server, {"Cookie": cookie, "Origin": server.url, "X-CREPE": "1"}
    control.close()


@pytest.fixture(scope="module")
def sensor(tmp_path_factory):
    """The sensor gateway's server, and a sensor's headers."""
    app = make_app(
        InputTracker("sensor"),
        SensorTable(),
        lambda command: None,
        sender="sensor",
        token=TOKEN,
        rate=Rate(1e9),
    )
    with serving(app, tmp_path_factory.mktemp("sensor")) as server:
        yield server, {"Authorization": f"Bearer {TOKEN}"}


def try_all(served):
    """Try every operation of the server's own description; return how many there are."""
    server, headers = served
    answer = urllib3.request("GET", f"{server.url}/openapi.json", headers=headers, retries=False)
    document = answer.json()
    # Who may come in is tested elsewhere: here every request has the right headers.
    del document["security"], document["components"]["securitySchemes"]
    for operations in document["paths"].values():
        for operation in operations.values():
            operation.pop("security", None)
            for parameter in operation.get("parameters", ()):
                if parameter["in"] == "path":  # half of the sessions exist
                    parameter["schema"] = {"enum": [ID, f"{ID}.h5", "report.html", "none"]}
    schema = schemathesis.openapi.from_dict(document)
    n_tried = 0
    for result in schema.get_all_operations():
        operation = result.ok()
        has_input = operation.body or operation.query or operation.path_parameters
        # Without any input there is none that is wrong.
        for mode in GenerationMode if has_input else [GenerationMode.POSITIVE]:

            @EXAMPLES
            @given(operation.as_strategy(generation_mode=mode))
            def try_one(case):
                case.call_and_validate(base_url=server.url, headers=headers, checks=CHECKS)

            try_one()
        n_tried += 1
    return n_tried


def test_the_page_answers_as_it_is_described(page):
    assert try_all(page) == 15


def test_the_sensor_gateway_answers_as_it_is_described(sensor):
    assert try_all(sensor) == sum(len(verbs) for verbs in DOCUMENT["paths"].values())
