"""A proxy between Kafka clients and a broker, which cuts connections in the middle of requests and of answers.

It forwards whole frames, and now and then half of one, after which both ends see the connection close. Of what it
forwards it knows only the batches of idempotent producers: one that the broker was sent before is a retry.
"""

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from random import Random

from mini_kafka.kafka_wire.messages import produce
from mini_kafka.kafka_wire.primitives import Reader
from mini_kafka.kafka_wire.registry import APIS

PRODUCE = 0
SIZE_BYTES = 4
_PRODUCER = slice(43, 57)
"""Where a batch has its producer's id and epoch, and its first sequence."""
_NO_PRODUCER = b"\xff" * 8


class Proxy:
    """Listens on 127.0.0.1, and forwards to `target`, a host and a port, once that is set; `happened` counts."""

    def __init__(self, rng: Random, cut: float) -> None:
        self.target: tuple[str, int] | None = None
        self.happened: Counter[str] = Counter()
        self._rng = rng
        self._cut = cut
        self._sent: set[tuple[object, int, bytes]] = set()
        self._outs: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0))

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.sockets[0].getsockname()[1])

    @contextmanager
    def running(self) -> Iterator["Proxy"]:
        """Let it work on a thread of its own for a while."""
        thread = threading.Thread(target=self._loop.run_forever)
        thread.start()
        try:
            yield self
        finally:
            asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
            self._loop.call_soon_threadsafe(self._loop.stop)
            thread.join()
            self._loop.close()

    async def _end(self) -> None:
        self._server.close()
        for out in self._outs:
            out.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for ended in await asyncio.gather(*others, return_exceptions=True):
            if isinstance(ended, Exception):  # a way that was cancelled has ended as it should
                raise ended

    async def _serve(self, client_in: asyncio.StreamReader, client_out: asyncio.StreamWriter) -> None:
        assert self.target is not None
        outs = {client_out}
        try:
            broker_in, broker_out = await asyncio.open_connection(*self.target)
            outs.add(broker_out)
            self._outs |= outs
            ways = [
                asyncio.ensure_future(self._forward(client_in, broker_out, "request", self._note)),
                asyncio.ensure_future(self._forward(broker_in, client_out, "answer", lambda _: None)),
            ]
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
        except OSError:
            pass  # the broker is gone
        finally:
            for out in outs:
                out.close()
            self._outs -= outs

    async def _forward(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, what: str, note: Callable[[bytes], None]
    ) -> None:
        """Forward frames until the source ends or one is cut."""
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                size = await source.readexactly(SIZE_BYTES)
                frame = await source.readexactly(int.from_bytes(size, "big"))
                if self._rng.random() < self._cut:
                    sink.write((size + frame)[: self._rng.randrange(1, SIZE_BYTES + len(frame))])
                    self.happened[f"cut {what}"] += 1
                    return
                note(frame)
                sink.write(size + frame)
                await sink.drain()

    def _note(self, frame: bytes) -> None:
        """Count the batches of idempotent producers that went to the broker before."""
        reader = Reader(frame)
        key, version, _, _ = reader.int16(), reader.int16(), reader.int32(), reader.nullable_string(flexible=False)
        if key != PRODUCE:
            return
        if APIS[PRODUCE].is_flexible(version):
            reader.skip_tags()
        for topic, parts in produce.read_request(memoryview(frame)[reader.position :], version).topics:
            for partition, records in parts:
                producer = bytes(records[_PRODUCER])
                batch = (topic, partition, producer)
                if not producer.startswith(_NO_PRODUCER):
                    self.happened["repeated batch"] += batch in self._sent
                    self._sent.add(batch)
