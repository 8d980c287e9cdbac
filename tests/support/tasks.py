"""How a test lets tasks run, without a clock."""

import asyncio


async def settle() -> None:
    """Let every task run until it waits for something that only the test can give it."""
    for _ in range(20):
        await asyncio.sleep(0)
