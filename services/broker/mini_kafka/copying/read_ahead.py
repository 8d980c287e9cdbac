"""Reading ahead: a thread fetches the next page while this one is worked on. One page, so memory stays bounded."""

import queue
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")


def read_ahead(pages: Iterator[T]) -> Iterator[T]:
    """Give what an iterator gives, which runs in a thread of its own, at most two pages ahead."""
    ready: queue.Queue[tuple[T] | BaseException | None] = queue.Queue(maxsize=1)
    abandoned = threading.Event()

    def work() -> None:
        try:
            for page in pages:
                ready.put((page,))
                if abandoned.is_set():
                    return
            ready.put(None)
        except BaseException as error:  # noqa: BLE001 - it is raised again where the pages are wanted
            ready.put(error)

    # A daemon: a program that was told to end does not wait for an answer that nobody wants any more.
    threading.Thread(target=work, name="read-ahead", daemon=True).start()
    try:
        while (found := ready.get()) is not None:
            if isinstance(found, BaseException):
                raise found
            yield found[0]
    finally:
        abandoned.set()
        with suppress(queue.Empty):  # makes room for what the thread may be about to put
            ready.get_nowait()
