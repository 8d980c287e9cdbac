"""Run every benchmark, one after the other."""

from bench import http_batch, http_publish, loop_holds, memory, startup

for benchmark in (startup, memory, loop_holds, http_publish, http_batch):
    print(f"\n## {benchmark.__name__}\n")
    benchmark.main()
