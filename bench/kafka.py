"""Kafka clients against this broker and Apache Kafka: `python -m bench.kafka [--rounds N] [--apache HOST:PORT]`.

Without an address of one that runs, the command in `APACHE_KAFKA` starts one (`bench/kafka_brokers.py`). A round takes
two to three minutes, and there are five; a broker is warmed up before it is measured.

confluent-kafka works in processes of its own (`bench/kafka_load.py`), the brokers in turn, and each number is the
median of the rounds. Beside them stands what the broker took (`broker_us`, processor time for a record or request) and
what each client took (`client_cores`): near 1 the client was the limit, and the line with two clients says more. One
bare socket sends the same frames to each broker and to an echo.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from statistics import fmean, median
from typing import NamedTuple
from uuid import uuid4

from bench import kafka_raw
from bench.kafka_brokers import APACHE, OURS, Broker, brokers
from bench.kafka_raw import one_by_one

RAW_REQUESTS = 3000
WARM_UP = 20_000
BARE = "one by one from a bare socket"
SUMMED = {"records_s", "requests_s"}
BUSY_CLIENT = 0.9
"""From this share of a core on the client is the limit."""
Numbers = dict[str, float]


class Work(NamedTuple):
    """What clients do: the kind of work, how much of it in all, the size of a value, and in how many processes."""

    kind: str
    amount: int
    size: int
    processes: tuple[int, ...] = (1,)


WORK = {
    "produce, 100 bytes": Work("produce", 600_000, 100, (1, 2)),
    "consume, 100 bytes": Work("consume", 600_000, 100, (1, 2)),
    "produce, 1 KB": Work("produce", 100_000, 1000, (1, 2)),
    "consume, 1 KB": Work("consume", 100_000, 1000, (1, 2)),
    "one record a request, 100 bytes": Work("one_record_requests", 20_000, 100, (1, 2)),
    "acknowledged one by one": Work("one_by_one", 2_000, 100),
    "produce to consume": Work("end_to_end", 1_000, 100),
    "200 producers, 200 consumers": Work("crowd", 20_000, 100, (4,)),
}
PARTITIONS = Work("partitions", 5_000, 100)


def measure(broker: Broker, work: Work, topic: str, processes: int) -> Numbers:
    """Let clients do the same work at once, and add up what they did."""
    cpu, count = broker.process.cpu_seconds(), str(work.amount // processes)
    topics = [topic if work.kind != "crowd" else f"{topic}-{number}" for number in range(processes)]
    clients = [
        subprocess.Popen(
            [sys.executable, "-m", "bench.kafka_load", broker.address, work.kind, its_topic, count, str(work.size)],
            stdout=subprocess.PIPE,
        )
        for its_topic in topics
    ]
    results: list[Numbers] = [json.loads(client.communicate(timeout=600)[0]) for client in clients]
    numbers = {name: (sum if name in SUMMED else fmean)(result[name] for result in results) for name in results[0]}
    return numbers | {"broker_us": (broker.process.cpu_seconds() - cpu) / work.amount * 1e6}


def warm_up(broker: Broker) -> None:
    """Do some of the work beforehand: a broker's first requests of each kind cost what later ones do not.

    Mini Kafka imports kio then, with Hypothesis where that is installed: 200 ms once, and not for each record.
    """
    topic = f"bench-{uuid4().hex[:8]}-warm-up"
    for kind in ("produce", "consume", "one_record_requests"):
        measure(broker, Work(kind, WARM_UP, 100), topic, 1)


def measure_broker(broker: Broker) -> Iterator[tuple[str, Numbers]]:
    """Do all work once, with a topic of its own for each size, and name each result."""
    warm_up(broker)
    run = uuid4().hex[:8]
    for name, work in WORK.items():
        topic = f"bench-{run}-{work.size}" if work.kind in {"produce", "consume"} else f"bench-{run}-{work.kind}"
        for processes in work.processes:
            label = name if processes == 1 or len(work.processes) == 1 else f"{name}, {processes} clients"
            yield label, measure(broker, work, topic, processes)
    raw = f"bench-{run}-raw"
    kafka_raw.create_topic(broker.address, raw)
    request = kafka_raw.produce_frame(raw, [b"x" * 100])
    yield BARE, _percentiles(one_by_one(broker.address, request, raw, RAW_REQUESTS))
    yield "loaded memory", {"MiB": broker.process.resident_mib()}
    if broker.started_s:  # 5,000 partitions are not for a broker that others use
        yield "memory at rest", {"MiB": broker.idle_mib}
        yield "start to first answer", {"seconds": broker.started_s}
        yield "5,000 partitions", measure(broker, PARTITIONS, f"bench-{run}-partitions", 1)


def _percentiles(times: list[float]) -> Numbers:
    return {"p50_ms": times[len(times) // 2], "p99_ms": times[len(times) * 99 // 100]}


def _line(name: str, numbers: Numbers) -> str:
    shown = "  ".join(f"{key} {value:,.2f}" for key, value in numbers.items())
    is_limit = numbers.get("client_cores", 0) > BUSY_CLIENT
    return f"{name:13} {shown}" + ("  (the client was the limit)" if is_limit else "")


def main() -> None:
    """Measure, and print each result as it comes, and a table at the end."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--apache", metavar="HOST:PORT", help="an Apache Kafka that runs, to compare with")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args([] if __name__ != "__main__" else None)
    rows: dict[tuple[str, str], list[Numbers]] = {}
    starts = brokers(arguments.apache)
    for number in range(arguments.rounds):
        with kafka_raw.echo() as address:
            request = kafka_raw.produce_frame("echo", [b"x" * 100])
            echoed = _percentiles(one_by_one(address, request, None, RAW_REQUESTS))
            rows.setdefault((BARE, "asyncio echo"), []).append(echoed)
        for name in sorted(starts, reverse=number % 2 == 0):
            with starts[name]() as broker:
                for work, numbers in measure_broker(broker):
                    print(f"round {number + 1}: {work:40} {_line(name, numbers)}", flush=True)
                    rows.setdefault((work, name), []).append(numbers)
    print(f"medians of {arguments.rounds} rounds")
    for work in dict.fromkeys(work for work, _ in rows):
        print(f"  {work}")
        for name in (OURS, APACHE, "asyncio echo"):
            if results := rows.get((work, name)):
                print("   ", _line(name, {key: median(result[key] for result in results) for key in results[0]}))


if __name__ == "__main__":
    main()
