#!/usr/bin/env python
"""Draw the pictures of docs/strategy.md with the strategy's own functions, as plain SVG.

Run it after a rule or a default changed: `.venv/bin/python -m scripts.strategy_pictures`. A test compares the files with it.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from pathlib import Path

from bot.strategy import hedge
from bot.strategy.pipeline import DEFAULT_POLICY

IMAGES = Path(__file__).resolve().parent.parent / "docs" / "images"

WIDTH, HEIGHT = 640, 300
LEFT, RIGHT, TOP, BOTTOM = 64, 24, 24, 52
BLUE, ORANGE, GREY, INK = "#2563eb", "#c2410c", "#9ca3af", "#374151"

Point = tuple[float, float]


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()  # --help tells and writes nothing
    IMAGES.mkdir(parents=True, exist_ok=True)
    for name, draw in PICTURES.items():
        (IMAGES / name).write_text(draw(), encoding="utf-8")


def ladder() -> str:
    """The hedge ratio over volatility: one way up, another way down."""
    policy = DEFAULT_POLICY
    shares = (policy.h_low, policy.h_mid, policy.h_high)
    percents = [i / 100 for i in range(100, 501)]

    def walk(steps: Iterable[float], level: int) -> list[Point]:
        points = []
        for percent in steps:
            level = hedge.vol_level(level, percent / 100, policy.sigma_low, policy.sigma_high, policy.sigma_fall_ratio)
            points.append((percent, shares[level]))
        return points

    plot = Plot((1.0, 5.0), (0.0, 0.8))
    low, high, fall = 100 * policy.sigma_low, 100 * policy.sigma_high, policy.sigma_fall_ratio
    return plot.svg(
        "The share of a trade that the short leg takes, by volatility",
        plot.axes("volatility, % per 24 h", "h", (1, 2, 3, 4, 5), shares),
        plot.line(_corners(walk(percents, 0)), BLUE),
        plot.line(_corners(walk(reversed(percents), 2)), ORANGE, dashed=True),
        *(
            plot.text((x, 0.04), f"{x:g}", ORANGE if x not in (low, high) else BLUE)
            for x in (fall * low, low, fall * high, high)
        ),
        plot.text((3.75, 0.35), "rising", BLUE),
        plot.text((3.7, 0.65), "falling", ORANGE),
    )


def band() -> str:
    """What is traded at a gap: nothing inside the band, back to half-way outside it, all of it after a change of policy."""
    policy = DEFAULT_POLICY
    edge = policy.band_btc
    gaps = (-0.025, -edge - 1e-6, -edge, edge, edge + 1e-6, 0.025)

    def order(whole: int) -> list[Point]:
        return [(g, -hedge.band_trade_btc(-g, policy.band_btc, policy.band_inner_share, whole)) for g in gaps]

    plot = Plot((-0.025, 0.025), (-0.026, 0.026))
    ticks = (-0.02, -policy.band_btc, 0.0, policy.band_btc, 0.02)
    return plot.svg(
        "What is traded, by how far delta is from its target",
        plot.axes("delta over its target, BTC", "sold, BTC", ticks, ticks),
        plot.line(order(1), GREY, dashed=True),
        plot.line(order(0), BLUE),
        plot.text((0.0045, -0.005), "no trade inside the band", BLUE),
        plot.text((0.0195, 0.0055), "back to half-way", BLUE),
        plot.text((0.007, 0.0185), "policy changed: all of it", INK),
    )


PICTURES: dict[str, Callable[[], str]] = {"hedge-ratio.svg": ladder, "band.svg": band}


class Plot:
    """A rectangle of figures on a rectangle of pixels."""

    def __init__(self, across: Point, up: Point) -> None:
        self._across, self._up = across, up

    def at(self, point: Point) -> Point:
        (x0, x1), (y0, y1) = self._across, self._up
        x = LEFT + (point[0] - x0) / (x1 - x0) * (WIDTH - LEFT - RIGHT)
        y = HEIGHT - BOTTOM - (point[1] - y0) / (y1 - y0) * (HEIGHT - TOP - BOTTOM)
        return x, y

    def line(self, points: list[Point], colour: str, *, dashed: bool = False) -> str:
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in map(self.at, points))
        dash = ' stroke-dasharray="7 4"' if dashed else ""
        return f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>'

    def text(self, point: Point, words: str, colour: str) -> str:
        x, y = self.at(point)
        return f'<text x="{x:.1f}" y="{y:.1f}" fill="{colour}" text-anchor="middle">{words}</text>'

    def axes(self, across: str, up: str, x_ticks: Iterable[float], y_ticks: Iterable[float]) -> str:
        (x0, x1), (y0, y1) = self._across, self._up
        parts = []
        for tick in x_ticks:
            parts.append(_rule(self.at((tick, y0)), self.at((tick, y1))))
            x, y = self.at((tick, y0))
            parts.append(f'<text x="{x:.1f}" y="{y + 18:.1f}" fill="{INK}" text-anchor="middle">{tick:g}</text>')
        for tick in y_ticks:
            parts.append(_rule(self.at((x0, tick)), self.at((x1, tick))))
            x, y = self.at((x0, tick))
            parts.append(f'<text x="{x - 8:.1f}" y="{y + 4:.1f}" fill="{INK}" text-anchor="end">{tick:g}</text>')
        middle = LEFT + (WIDTH - LEFT - RIGHT) / 2
        parts.append(f'<text x="{middle:.1f}" y="{HEIGHT - 10}" fill="{INK}" text-anchor="middle">{across}</text>')
        parts.append(f'<text x="8" y="{TOP - 8}" fill="{INK}">{up}</text>')
        return "\n".join(parts)

    def svg(self, title: str, *parts: str) -> str:
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
            f'font-family="sans-serif" font-size="13" role="img">\n<title>{title}</title>\n'
            f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>'
        )
        return "\n".join((head, *parts, "</svg>\n"))


def _rule(start: Point, end: Point) -> str:
    (x1, y1), (x2, y2) = start, end
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="#e5e7eb"/>'


def _corners(points: list[Point]) -> list[Point]:
    """Only where the level changes, and the ends."""
    last = len(points) - 1
    return [p for i, p in enumerate(points) if i in (0, last) or p[1] != points[i - 1][1] or p[1] != points[i + 1][1]]


if __name__ == "__main__":
    main()
