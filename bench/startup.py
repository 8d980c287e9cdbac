"""How long the broker takes from the start of its process to its first answers, with its parts, and its idle memory."""

import subprocess
import sys
import time
from statistics import median

import requests

from bench.servers import Server, wait_until_ok

ROUNDS = 7
PACKAGES = ("asyncio", "pydantic", "pydantic_settings", "uvicorn", "aiokafka", "uvloop", "fastapi")


def start_once() -> dict[str, float]:
    """Start a broker, and time its first line, its readiness and its first produce, in milliseconds."""
    started = time.perf_counter()

    def passed() -> float:
        return (time.perf_counter() - started) * 1e3

    command = [sys.executable, "-m", "mini_kafka", "--http-port", "0", "--kafka-port", "0", "--log-level", "warning"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        url = "http://" + process.stdout.readline().strip().partition("http=")[2].split()[0]
        listening = passed()
        wait_until_ok(url + "/readyz")
        ready = passed()
        requests.post(url + "/topics/register", json={"topic": "t"}, timeout=10).raise_for_status()
        requests.post(url + "/produce", json={"topic": "t", "value": "v"}, timeout=10).raise_for_status()
        return {
            "listening (imports, settings, bind)": listening,
            "/readyz answers 200": ready,
            "first message produced (FastAPI imported)": passed(),
            "idle RSS, MiB": Server(url, process.pid).resident_mib(),
        }
    finally:
        process.terminate()
        process.wait()


def import_times() -> dict[str, float]:
    """Time what the broker imports before it listens, by package, in milliseconds (cumulative, first import)."""
    code = "import uvloop, mini_kafka.command; import mini_kafka.http_api.app"
    report = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", code], capture_output=True, text=True, check=True
    ).stderr
    times = {}
    for line in report.splitlines():
        _, cumulative, name = line.removeprefix("import time:").split("|")
        if name.strip() in PACKAGES:
            times[name.strip()] = int(cumulative) / 1e3
    return times


def main() -> None:
    """Run and print."""
    rounds = [start_once() for _ in range(ROUNDS)]
    print(f"start of the process, medians of {ROUNDS} (aim: /readyz in 600 ms, 70 MB at rest)")
    for name in rounds[0]:
        print(f"  {name:45} {median(one[name] for one in rounds):7.0f}")
    print("imports, ms (with -X importtime, which adds to them)")
    for name, cost in import_times().items():
        print(f"  {name:45} {cost:7.0f}")


if __name__ == "__main__":
    main()
