"""The gateway as its clients meet it, over real connections."""

from __future__ import annotations

import asyncio

from tests.gateway.world import World


def test_a_request_passes_untouched() -> None:
    """Who stands under nothing gets exactly what the model said, and the model exactly what he asked."""

    async def story() -> None:
        async with World().running() as world:
            answered = await world.chat()
            assert answered.status == 200
            assert b"Hello" in answered.body

    asyncio.run(story())
