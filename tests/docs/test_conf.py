"""The site's additions to the pages: links to files of the repository, and the tree of pages."""

import pytest

from docs import conf

FILES = {
    "README.md": "# The project\n\nSee [rules](CONTRIBUTING.md#rules), [why](docs/decisions/README.md).\n",
    "CONTRIBUTING.md": "# Contributing\n",
    "config/rps.toml": "",
    "docs/index.md": "# Index\n\n[A](how-to/a.md), [why](decisions/README.md), [it](../README.md)\n",
    "docs/how-to/README.md": "# How to\n\n- [B](b.md)\n- [A](a.md)\n",
    "docs/how-to/a.md": "# A\n\n[file](../../config/rps.toml), [all](../../config), [more](b.md#x)\n",
    "docs/how-to/b.md": "# B\n\n[rules](../../CONTRIBUTING.md), [far](https://example.org)\n",
    "docs/how-to/c.ipynb": "{}",
    "docs/decisions/README.md": "# Decisions\n",
    "docs/project/README.md": "# Project\n",
    "docs/project/readme.md": "# README\n",
    "docs/project/contributing.md": "# CONTRIBUTING\n",
}


@pytest.fixture
def read(tmp_path, monkeypatch):
    """Return what a page of a small repository becomes while Sphinx reads it."""
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    monkeypatch.setattr(conf, "ROOT", tmp_path)
    monkeypatch.setattr(conf, "DOCS", tmp_path / "docs")

    def become(docname):
        source = [(tmp_path / "docs" / f"{docname}.md").read_text(encoding="utf-8")]
        conf.add_what_the_site_needs(None, docname, source)
        return source[0]

    return become


def tree(text):
    return [name for name in text.partition("```{toctree}")[2].split() if name.startswith("/")]


def test_a_link_to_a_document_at_the_root_leads_to_its_page(read):
    assert "[rules](../project/contributing.md)" in read("how-to/b")
    assert "[it](project/readme.md)" in read("index")


def test_a_document_at_the_root_is_a_page_whose_links_lead_into_the_site(read):
    text = read("project/readme")
    assert text.startswith("# The project")
    assert "[rules](contributing.md#rules), [why](../decisions/README.md)" in text


def test_other_links_stay_and_a_directory_is_named_only(read):
    assert "[file](../../config/rps.toml), all, [more](b.md#x)" in read("how-to/a")
    assert "[far](https://example.org)" in read("how-to/b")


def test_the_index_has_the_folders_in_its_own_order_and_the_project_last(read):
    assert tree(read("index")) == ["/how-to/README", "/decisions/README", "/project/README"]


def test_a_folder_has_all_of_its_pages_those_first_that_it_lists(read):
    assert tree(read("how-to/README")) == ["/how-to/b", "/how-to/a", "/how-to/c"]
    assert tree(read("how-to/a")) == []
