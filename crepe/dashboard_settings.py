"""The `[dashboard]` table."""

from pydantic import BaseModel, ConfigDict, Field

DASHBOARD = "dashboard"
USUAL_PORT = 8080


class DashboardTable(BaseModel):
    """`[dashboard]`: the program `dashboard`, the live page."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = "127.0.0.1"  # any other needs a token in CREPE_DASHBOARD_TOKEN
    port: int | None = Field(None, ge=1, le=65535)  # None: 8080, or the next that is free
    public_url: str | None = Field(None, pattern=r"^https?://[^/\s]+$")
    """What others type, where a proxy stands before the page: `https://lab.example.org`."""
    frames_per_s: float = Field(5.0, ge=1, le=20)  # to each browser, at most
