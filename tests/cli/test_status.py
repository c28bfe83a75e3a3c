"""What `answerable status` says about the time, by which every limit runs."""

from __future__ import annotations

from pathlib import Path

from tests.running import settle_house


def test_a_clock_that_was_moved_is_told(tmp_path: Path) -> None:
    """Neither an offset, nor a record that is ahead because a clock was wrong once, goes unseen."""
    house = settle_house(tmp_path / "house")
    try:
        moved = house.run("status").stdout
        assert "MOVED by clock.offset_file" in moved
        assert "AHEAD" not in moved
        house.forward(days=-3, hours=-12)
        assert "3 d AHEAD of this machine's clock" in house.run("status").stdout
        plain = house.config.read_text().replace('offset_file = "clock.offset"', "")
        house.config.write_text(plain)
        said = house.run("status").stdout
        assert "entries" in said and "MOVED" not in said and "AHEAD" not in said
    finally:
        house.close()
