"""The page's scripts put no text of others into its markup."""

import re
from pathlib import Path

import pytest

from crepe.dashboard import routes

STATIC = Path(routes.__file__).parent / "static"
SCRIPTS = sorted(STATIC.rglob("*.js"))
AS_MARKUP = re.compile(
    r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|createContextualFragment|"
    r"DOMParser|setHTMLUnsafe|srcdoc|\beval\(|new Function"
)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.relative_to(STATIC).as_posix())
def test_markup_is_that_of_the_views_alone_which_holds_no_value(script):
    text = script.read_text(encoding="utf-8")
    markup = [line.strip() for line in text.splitlines() if AS_MARKUP.search(line)]
    assert markup == (["section.innerHTML = view.html;"] if script.name == "main.js" else [])
    for template in re.findall(r"html: `(.*?)`", text, re.DOTALL):
        assert "${" not in template
    assert not re.search(r"html:\s*[^`\s]", text)
