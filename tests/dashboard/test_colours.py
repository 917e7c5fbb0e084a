"""The page's colours: readable in both themes, and hues that the colour-blind tell apart."""

import colorsys
import re
from pathlib import Path

import pytest

from crepe import dashboard

CSS = (Path(dashboard.__file__).parent / "static" / "page.css").read_text(encoding="utf-8")
LEAST_CONTRAST = 4.5  # of text (WCAG 2.1, 1.4.3)
PALETTE = {  # Okabe and Ito 2008
    "blue": ("#56b4e9", "#0072b2"),
    "orange": ("#e69f00",),
    "green": ("#009e73",),
    "red": ("#d55e00",),
}


def themes():
    blocks = re.findall(r":root[^{]*\{([^}]*)\}", CSS)
    return [dict(re.findall(r"--(\w+): (#[0-9a-f]{3,6});", block)) for block in blocks]


def parts(colour):
    digits = colour[1:] if len(colour) == 7 else "".join(2 * c for c in colour[1:])
    return [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]


def luminance(colour):
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts(colour)]
    return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one, other):
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", themes())
@pytest.mark.parametrize("name", ["text", "dim", *PALETTE])
def test_text_is_readable_on_what_it_stands(theme, name):
    for ground in ("back", "card"):
        assert contrast(theme[name], theme[ground]) >= LEAST_CONTRAST


@pytest.mark.parametrize("theme", themes())
@pytest.mark.parametrize("name", PALETTE)
def test_hues_are_those_of_a_palette_for_the_colour_blind(theme, name):
    hue = colorsys.rgb_to_hsv(*parts(theme[name]))[0]
    hues = [colorsys.rgb_to_hsv(*parts(colour))[0] for colour in PALETTE[name]]
    assert min(abs(hue - known) for known in hues) < 0.01
