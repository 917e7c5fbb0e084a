"""The README as an index shows it, where relative links and pictures would lead nowhere."""

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

PICTURE = re.compile(r"^!\[[^]]*\]\([^)]*\)\n\n", re.M)
LINK = re.compile(r"\[([^]]+)\]\((?![a-z]+:|#)[^)]*\)")


class Readme(MetadataHookInterface):
    """Leave out the picture, and keep only the text of links within the repository.

    They become absolute links when the repository has a public address (decision 66).
    """

    def update(self, metadata: dict[str, Any]) -> None:
        """Add the README to the metadata of the distribution."""
        text = Path(self.root, "README.md").read_text(encoding="utf-8")
        text = LINK.sub(r"\1", PICTURE.sub("", text))
        metadata["readme"] = {"content-type": "text/markdown", "text": text}
