"""Announced notices: kept before anybody knows what they say, and never given up silently."""

from __future__ import annotations

from answerable.core import vendors
from answerable.core.facts import VendorNoticed, VendorNoticeUnread
from tests.core.builders import START, a_world


def test_an_announcement_is_a_fact_and_so_is_that_it_cannot_be_read() -> None:
    """Neither touches the roster, by which everybody decides."""
    world = a_world()
    before = (dict(world.roster.staff), list(world.roster.policies))
    notice = world.act(
        lambda journal: vendors.announce(journal, vendor="openai", reference="C-1", kind="warning", seen=START)
    )
    world.act(lambda journal: vendors.unread(journal, vendor="openai", notice=notice))
    assert world.said(VendorNoticed) == [
        VendorNoticed(vendor="openai", notice=notice, reference="C-1", kind="warning", seen=START)
    ]
    assert world.said(VendorNoticeUnread) == [VendorNoticeUnread(vendor="openai", notice=notice)]
    assert (world.roster.staff, world.roster.policies) == before
