"""The page's API is described as it is served."""

from unittest.mock import MagicMock

from starlette.routing import Route

from crepe.dashboard.monitoring.routes import metrics_routes
from crepe.dashboard.openapi import DOCUMENT
from crepe.dashboard.routes import Page
from crepe.dashboard.session_routes import session_routes


def test_every_route_of_the_api_is_described():
    mocks = MagicMock(), MagicMock(), MagicMock(), MagicMock()
    page = Page(*mocks, can_stimulate=True, frames_per_s=1.0)
    further = [*session_routes(*mocks[:2]), *metrics_routes(*mocks)]
    served = {
        (verb, route.path)
        for route in page.app(further).routes
        if isinstance(route, Route) and route.path.startswith(("/api/", "/openapi", "/metrics"))
        for verb in route.methods - {"HEAD"}
    }
    described = {
        (verb.upper(), path) for path, verbs in DOCUMENT["paths"].items() for verb in verbs
    }
    assert described == served


def test_what_changes_something_needs_the_cookie_and_the_page_itself():
    for verbs in DOCUMENT["paths"].values():
        for verb, operation in verbs.items():
            assert "401" in operation["responses"]
            if verb == "post":
                assert operation["security"] == [{"cookie": [], "page": []}]
                assert "403" in operation["responses"]


def test_the_description_is_served(ask):
    mocks = MagicMock(), MagicMock(), MagicMock(), MagicMock()
    page = Page(*mocks, can_stimulate=True, frames_per_s=1.0)
    assert ask(page.app(), path="/openapi.json").status == 200
