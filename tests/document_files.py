"""Files as the documents print them."""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
BLOCK = re.compile(r"`([\w./-]+\.(?:py|toml))`:\n\n```(?:python|toml)\n(.*?)```", re.S)


def printed_files(page: Path) -> dict[str, str]:
    """Return the files of a page by name: the blocks that a name and a colon introduce."""
    return dict(BLOCK.findall(page.read_text(encoding="utf-8")))


def printed_tables(page: Path) -> dict[str, str]:
    """Return the single tables of experiment files that a page prints, by their heading."""
    blocks = re.findall(r"```toml\n(\[.*?)```", page.read_text(encoding="utf-8"), re.S)
    return {block.partition("\n")[0]: block for block in blocks}


def replace_table(experiment: str, table: str) -> str:
    """Return an experiment file with one of its tables replaced, as a reader would do it."""
    heading = table.partition("\n")[0]
    start = experiment.index(f"{heading}\n")
    end = experiment.index("\n\n", start)
    return experiment[:start] + table.rstrip("\n") + experiment[end:]
