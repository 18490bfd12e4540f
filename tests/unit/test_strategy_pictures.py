"""The pictures of docs/strategy.md are drawn by the strategy itself."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from scripts import strategy_pictures


@pytest.mark.parametrize("name", sorted(strategy_pictures.PICTURES))
def test_a_picture_is_what_the_strategy_draws_today(name: str) -> None:
    """After changing a rule or a default run `python -m scripts.strategy_pictures`; the page shows every one of them."""
    drawn = strategy_pictures.PICTURES[name]()
    page = strategy_pictures.IMAGES.parent / "strategy.md"

    assert drawn == (strategy_pictures.IMAGES / name).read_text(encoding="utf-8")
    assert "{http://www.w3.org/2000/svg}svg" == ElementTree.fromstring(drawn).tag
    assert f"images/{name}" in page.read_text(encoding="utf-8")
