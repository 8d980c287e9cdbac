"""What any group has committed, asked of librdkafka's C interface: its Python class has a way that ends the process.

`AdminClient.list_consumer_group_offsets` dereferences a null pointer where the answer is that the group's coordinator
has moved, which is what a node that fails leads to (librdkafka issue 5040, seen with 2.16). The cause is that an
`AdminClient` is a producer to librdkafka, and only a consumer survives that answer; so this asks with a consumer that
subscribes to nothing. One thread hears the answers. It does nothing else, and goes when the bug does.
"""

import ctypes
import threading
from collections.abc import Mapping
from concurrent.futures import Future
from itertools import count
from typing import Any

from confluent_kafka import KafkaError, KafkaException, TopicPartition, cimpl

from mini_kafka.engine.kafka_cluster.cluster_config import LibrdkafkaConfig
from mini_kafka.engine.kafka_cluster.cluster_errors import REFUSED_SETTING, STOPPING

CONSUMER = 1
ANY_OPERATION = 0
NO_CONSUMER_CLOSE = 8
POLL_MS = 200
"""How long the thread sleeps at most when nothing is answered: so late it notices that it is to end."""
ERROR_TEXT = 512

Answer = list[TopicPartition]


class _Partition(ctypes.Structure):
    """A `rd_kafka_topic_partition_t`."""

    _fields_ = (
        ("topic", ctypes.c_char_p),
        ("partition", ctypes.c_int32),
        ("offset", ctypes.c_int64),
        ("metadata", ctypes.c_void_p),
        ("metadata_size", ctypes.c_size_t),
        ("opaque", ctypes.c_void_p),
        ("err", ctypes.c_int),
        ("_private", ctypes.c_void_p),
    )


class _Partitions(ctypes.Structure):
    """A `rd_kafka_topic_partition_list_t`."""

    _fields_ = (("cnt", ctypes.c_int), ("size", ctypes.c_int), ("elems", ctypes.POINTER(_Partition)))


POINTER, INT, TEXT, SIZE = ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_size_t
SIGNATURES: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "conf_new": (POINTER, ()),
    "conf_set": (INT, (POINTER, TEXT, TEXT, TEXT, SIZE)),
    "conf_destroy": (None, (POINTER,)),
    "new": (POINTER, (INT, POINTER, TEXT, SIZE)),
    "destroy_flags": (None, (POINTER, INT)),
    "poll": (INT, (POINTER, INT)),
    "queue_new": (POINTER, (POINTER,)),
    "queue_poll": (POINTER, (POINTER, INT)),
    "queue_destroy": (None, (POINTER,)),
    "AdminOptions_new": (POINTER, (POINTER, INT)),
    "AdminOptions_set_request_timeout": (INT, (POINTER, INT, TEXT, SIZE)),
    "AdminOptions_set_opaque": (None, (POINTER, POINTER)),
    "AdminOptions_destroy": (None, (POINTER,)),
    "ListConsumerGroupOffsets_new": (POINTER, (TEXT, POINTER)),
    "ListConsumerGroupOffsets": (None, (POINTER, ctypes.POINTER(POINTER), SIZE, POINTER, POINTER)),
    "ListConsumerGroupOffsets_destroy": (None, (POINTER,)),
    "event_opaque": (POINTER, (POINTER,)),
    "event_error": (INT, (POINTER,)),
    "event_error_string": (TEXT, (POINTER,)),
    "event_ListConsumerGroupOffsets_result": (POINTER, (POINTER,)),
    "event_destroy": (None, (POINTER,)),
    "ListConsumerGroupOffsets_result_groups": (ctypes.POINTER(POINTER), (POINTER, ctypes.POINTER(SIZE))),
    "group_result_error": (POINTER, (POINTER,)),
    "group_result_partitions": (ctypes.POINTER(_Partitions), (POINTER,)),
    "error_code": (INT, (POINTER,)),
    "error_string": (TEXT, (POINTER,)),
}
"""The functions of librdkafka that are called, without their `rd_kafka_`: what they give, and what they take."""


class CommittedOffsets:
    """A consumer that asks what groups have committed, and the thread that hears the answers."""

    def __init__(self, config: LibrdkafkaConfig) -> None:
        """Make the consumer, with a consumer's settings; it connects by itself, again and again.

        Raises:
            KafkaException: librdkafka does not take the settings.
        """
        self._c = _functions()
        self._handle = self._make(config)
        self._queue = self._c["queue_new"](self._handle)
        self._numbers = count(1)
        self._asked: dict[int, Future[Answer]] = {}
        self._lock = threading.Lock()
        """Held while librdkafka is given a question or what it is asked with is taken away."""
        self._is_over = False
        self._thread = threading.Thread(target=self._hear, name="committed", daemon=True)
        self._thread.start()

    def ask(self, group: str, timeout_s: float) -> "Future[Answer]":
        """Ask what a group has committed, of every topic; the future raises `KafkaException`."""
        future: Future[Answer] = Future()
        future.set_running_or_notify_cancel()  # librdkafka takes no question back
        number, errors = next(self._numbers), ctypes.create_string_buffer(ERROR_TEXT)
        with self._lock:
            if self._is_over:
                future.set_exception(KafkaException(KafkaError(STOPPING)))
                return future
            self._asked[number] = future
            options = POINTER(self._c["AdminOptions_new"](self._handle, ANY_OPERATION))
            self._c["AdminOptions_set_request_timeout"](options, round(timeout_s * 1000), errors, ERROR_TEXT)
            self._c["AdminOptions_set_opaque"](options, number)
            question = POINTER(self._c["ListConsumerGroupOffsets_new"](group.encode(), None))
            self._c["ListConsumerGroupOffsets"](self._handle, ctypes.byref(question), 1, options, self._queue)
            self._c["ListConsumerGroupOffsets_destroy"](question)
            self._c["AdminOptions_destroy"](options)
        return future

    def close(self) -> None:
        """Ask no more; what is not answered yet raises, and the thread ends by itself."""
        self._is_over = True

    def _make(self, config: LibrdkafkaConfig) -> int:
        errors = ctypes.create_string_buffer(ERROR_TEXT)
        conf = self._c["conf_new"]()
        # The admin client meets the same troubles with the same nodes, and logs them.
        for name, value in {**config, "log_level": 0}.items():
            text = str(value).lower() if isinstance(value, bool) else str(value)
            if self._c["conf_set"](conf, name.encode(), text.encode(), errors, ERROR_TEXT):
                self._c["conf_destroy"](conf)
                raise _refused(errors)
        handle = self._c["new"](CONSUMER, conf, errors, ERROR_TEXT)
        if not handle:
            self._c["conf_destroy"](conf)
            raise _refused(errors)
        return int(handle)

    def _hear(self) -> None:
        while not self._is_over:
            event = self._c["queue_poll"](self._queue, POLL_MS)
            if event:
                self._settle(event)
                self._c["event_destroy"](event)
            self._c["poll"](self._handle, 0)  # where a login by OAUTHBEARER is renewed
        with self._lock:
            self._c["queue_destroy"](self._queue)
            self._c["destroy_flags"](self._handle, NO_CONSUMER_CLOSE)
        for future in self._asked.values():
            future.set_exception(KafkaException(KafkaError(STOPPING)))

    def _settle(self, event: int) -> None:
        future = self._asked.pop(int(self._c["event_opaque"](event) or 0))
        try:
            future.set_result(read_answer(self._c, event))
        except Exception as error:  # noqa: BLE001 - it is raised where somebody waits; the thread goes on
            future.set_exception(error)


def read_answer(c: Mapping[str, Any], event: int) -> Answer:
    """Read what librdkafka's functions `c` tell of an answer.

    Raises:
        KafkaException: the question failed, for the group or for one of its partitions.
    """
    if code := c["event_error"](event):
        raise KafkaException(KafkaError(code, _text(c["event_error_string"](event))))
    number = SIZE()
    groups = c["ListConsumerGroupOffsets_result_groups"](
        c["event_ListConsumerGroupOffsets_result"](event), ctypes.byref(number)
    )
    if error := c["group_result_error"](groups[0]):
        raise KafkaException(KafkaError(c["error_code"](error), _text(c["error_string"](error))))
    partitions = c["group_result_partitions"](groups[0])
    if not partitions:
        return []
    found = [partitions.contents.elems[index] for index in range(partitions.contents.cnt)]
    for one in found:
        if one.err:  # not the same as nothing: whoever believed that would begin anew
            raise KafkaException(KafkaError(one.err))
    return [_read_partition(one) for one in found]


def _functions() -> dict[str, Any]:
    """Find librdkafka's functions in the library that confluent-kafka's module has loaded."""
    library = ctypes.CDLL(cimpl.__file__)
    functions = {}
    for name, (gives, takes) in SIGNATURES.items():
        function = getattr(library, f"rd_kafka_{name}")
        function.restype, function.argtypes = gives, takes
        functions[name] = function
    return functions


def _refused(errors: "ctypes.Array[ctypes.c_char]") -> KafkaException:
    return KafkaException(KafkaError(REFUSED_SETTING, _text(errors.value)))


def _read_partition(one: _Partition) -> TopicPartition:
    # Some clients commit the zero at a C text's end with it, confluent-kafka among them.
    raw = ctypes.string_at(one.metadata, one.metadata_size).split(b"\0")[0] if one.metadata else b""
    return TopicPartition(_text(one.topic), one.partition, one.offset, metadata=_text(raw))


def _text(raw: bytes | None) -> str:
    return (raw or b"").decode(errors="replace")
