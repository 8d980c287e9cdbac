"""Run every benchmark, one after the other."""

from bench import (
    gateway,
    http_batch,
    http_publish,
    in_flight,
    kafka,
    kafka_waiting,
    loop_holds,
    memory,
    memory_live,
    startup,
)

for benchmark in (
    startup,
    memory,
    memory_live,
    in_flight,
    loop_holds,
    http_publish,
    http_batch,
    kafka,
    kafka_waiting,
    gateway,
):
    print(f"\n## {benchmark.__name__}\n")
    benchmark.main()
