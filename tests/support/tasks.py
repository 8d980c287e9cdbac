"""How a test lets tasks run: without a clock, or where a cluster has it, by looking again."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")
PATIENCE_S = 20
"""Longer than anything takes that another process decides."""


async def settle() -> None:
    """Let every task run until it waits for something that only the test can give it."""
    for _ in range(20):
        await asyncio.sleep(0)


async def outcome(task: "asyncio.Task[T]") -> T:
    """Give what a task came to; fail if it still waits, instead of waiting with it."""
    await settle()
    assert task.done(), "it still waits"
    return await task


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    """Look again and again until something holds that a real cluster decides."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            if await holds():
                return
            await asyncio.sleep(0.02)
