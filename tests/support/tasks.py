"""How a test lets tasks run, without a clock."""

import asyncio
from typing import TypeVar

T = TypeVar("T")


async def settle() -> None:
    """Let every task run until it waits for something that only the test can give it."""
    for _ in range(20):
        await asyncio.sleep(0)


async def outcome(task: "asyncio.Task[T]") -> T:
    """Give what a task came to; fail if it still waits, instead of waiting with it."""
    await settle()
    assert task.done(), "it still waits"
    return await task
