"""`python -m docs.generate` writes every generated page; `make reference` runs it."""

from docs.generate.pages import ROOT, pages


def main() -> None:
    """Write each page whose text has changed, and print its name."""
    for path, text in pages().items():
        before = path.read_text(encoding="utf-8") if path.is_file() else None
        if text != before:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
            print(f"{path.relative_to(ROOT)}: {'made' if before is None else 'brought up to date'}")


if __name__ == "__main__":
    main()
