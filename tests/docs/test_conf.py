"""The site's additions to the pages: links to files of the repository, and the tree of pages."""

from docs.conf import DOCS, ROOT, add_what_the_site_needs


def read(docname):
    path = next(DOCS / f"{docname}{end}" for end in (".md", ".ipynb"))
    source = [path.read_text(encoding="utf-8")]
    add_what_the_site_needs(None, docname, source)
    return source[0]


def test_a_link_to_a_document_at_the_root_leads_to_its_page():
    assert "(project/contributing.md)" in read("index")
    assert "(../project/contributing.md" in read("decisions/0041-names-of-classes-and-hooks")


def test_a_document_at_the_root_is_a_page_whose_links_lead_into_the_site():
    text = read("project/contributing")
    assert text.startswith("# Contributing")
    assert "(../decisions/README.md)" in text
    assert "(readme.md)" in text


def test_a_directory_without_a_readme_is_named_and_not_linked():
    assert "[config]" in (DOCS / "reference" / "experiment-file.md").read_text(encoding="utf-8")
    assert "[config]" not in read("reference/experiment-file")


def test_the_index_lists_every_folder_in_its_own_order():
    tree = read("index").split("```{toctree}")[1].split()
    folders = [name for name in tree if name.endswith("/README")]
    assert folders[-2:] == ["/decisions/README", "/project/README"]
    assert folders.index("/explanations/README") < folders.index("/reference/README")


def test_a_folder_lists_all_of_its_pages():
    tree = read("decisions/README").split("```{toctree}")[1].split()
    pages = [f"/decisions/{path.stem}" for path in sorted((ROOT / "docs" / "decisions").glob("0*"))]
    assert [name for name in tree if name.startswith("/")] == pages
