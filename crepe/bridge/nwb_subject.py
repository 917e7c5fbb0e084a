"""The subject of an NWB file: the culture in the dish, as `[culture]` describes it."""

import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pynwb.file import Subject

NO_SPECIES = "http://purl.obolibrary.org/obo/NCBITaxon_32630"
"""The taxon "synthetic construct", for a culture that is a model."""

_SPECIES = re.compile(r"[A-Z][a-z]+ [a-z]+|http://purl\.obolibrary\.org/obo/NCBITaxon_\d+")


def subject(culture: Mapping[str, str], session: str, *, is_simulated: bool) -> "Subject":
    """Return the subject; what is not known is left out.

    The age is that in vitro at the day of the session, from `plating_date`.
    """
    from pynwb.file import Subject

    details = [f"{name}: {culture[name]}" for name in ("cell_type", "medium") if name in culture]
    if is_simulated:
        return Subject(
            subject_id=culture.get("id") or f"simulated-{session}",
            description="; ".join(["SIMULATED: a model, no cells", *details]),
            species=NO_SPECIES,
            sex="U",
            age="P0D",  # it began with its session
        )
    days = _days_in_vitro(culture, session)
    in_vitro = [] if days is None else [f"age: {days} days in vitro"]
    return Subject(
        subject_id=culture.get("id") or f"culture-{session}",
        description="; ".join(["Cell culture", *details, *in_vitro]),
        species=culture.get("species"),
        sex=culture.get("sex", "U"),
        age=None if days is None else f"P{days}D",
    )


def missing_fields(culture: Mapping[str, str], *, is_simulated: bool) -> list[str]:
    """Return what the archive DANDI requires or advises and `[culture]` lacks, for people."""
    required = () if is_simulated else ("id", "species", "plating_date")
    missing = [
        f"[culture] {name}: not given; DANDI {verb} it"
        for verb, names in (("requires", required), ("advises", ("experimenter", "institution")))
        for name in names
        if not culture.get(name)
    ]
    species = culture.get("species", "")
    if species and not is_simulated and not _SPECIES.fullmatch(species):
        missing.append(
            f"[culture] species: {species!r}; DANDI requires a Latin name such as "
            "'Rattus norvegicus', or the address of a taxon of the NCBI"
        )
    return missing


def _days_in_vitro(culture: Mapping[str, str], session: str) -> int | None:
    try:
        recorded = datetime.strptime(session[:8], "%Y%m%d").date()
        return max(0, (recorded - date.fromisoformat(culture["plating_date"])).days)
    except (KeyError, ValueError):
        return None
