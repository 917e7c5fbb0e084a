"""The views of the page: a session has those whose messages its streams carry."""

from pathlib import Path

import numpy as np
import pytest

import crepe.dashboard
from crepe.dashboard.frames import BrowserView, slow_state
from crepe.dashboard.views import registry
from crepe.messages import Command, Court, Image, StreamInfo

STATIC = Path(crepe.dashboard.__file__).parent / "static" / "views"
COURT = Court(0, 100, 0.5, 0.25, 0.75, 0.2, is_in_play=True, trial=3)


def test_a_view_is_in_a_session_that_carries_its_messages(session):
    fed = session()
    assert registry.about(fed.session_view)["views"] == [
        "array", "traces", "raster", "trial_game", "health"
    ]  # fmt: skip
    fed.session_view.learn({"result:court": StreamInfo("Court")})
    assert "court" in registry.about(fed.session_view)["views"]
    assert "result:court" in registry.followed(fed.session_view)


def test_samples_are_read_only_for_a_browser_that_shows_them(session):
    assert "data" not in registry.followed(session().session_view)


@pytest.mark.parametrize("is_shown", [True, False])
def test_a_court_is_sent_to_browsers_that_show_it(session, unpacked, is_shown):
    fed = session()
    fed.session_view.learn({"result:court": StreamInfo("Court")})
    fed.take("result:court", COURT)
    fed.take("result:control", Command(100, 110, "note", "after it"))
    view = BrowserView()
    view.change({"shows_court": is_shown})
    head, _ = unpacked(view.frame(fed.session_view, slow_state({}), {}))
    assert head.get("court") == ([0.5, 0.25, 0.75, 0.2, True, 3] if is_shown else None)


def test_names_of_views_differ_and_the_page_draws_each_of_them():
    names = [view.name for view in registry.VIEWS]
    assert len(set(names)) == len(names)
    scripts = "".join(path.read_text(encoding="utf-8") for path in STATIC.glob("*.js"))
    assert [name for name in names if f'"{name}"' not in scripts] == []


def test_every_script_of_the_page_is_imported_by_another():
    scripts = {path.name: path.read_text(encoding="utf-8") for path in STATIC.glob("*.js")}
    scripts["main.js"] = (STATIC.parent / "main.js").read_text(encoding="utf-8")
    imported = "".join(scripts.values())
    assert [name for name in scripts if name != "main.js" and f'/{name}";' not in imported] == []


def test_a_picture_is_sent_once_and_its_caption_alone_where_there_is_none(session, unpacked):
    fed = session()
    fed.session_view.learn({"result:image": StreamInfo("Image")})
    assert "image" in registry.about(fed.session_view)["views"]
    view = BrowserView()
    view.change({"shows_image": True})
    pixels = np.arange(18, dtype=np.uint8).reshape(2, 3, 3)
    fed.take("result:image", Image(0, 100, pixels))
    head, arrays = unpacked(view.frame(fed.session_view, slow_state({}), {}))
    assert head["caption"] == ""
    assert arrays["image"].tolist() == pixels.reshape(2, 9).tolist()
    head, arrays = unpacked(view.frame(fed.session_view, slow_state({}), {}))
    assert "caption" not in head
    assert "image" not in arrays
    fed.take("result:image", Image(100, 200, np.empty(0, np.uint8), "no picture: why"))
    head, arrays = unpacked(view.frame(fed.session_view, slow_state({}), {}))
    assert head["caption"] == "no picture: why"
    assert "image" not in arrays
