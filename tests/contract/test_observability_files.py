"""The files of `docker compose --profile observability`: valid, and about metrics that the broker has.

Their images are not pulled here. What can be wrong without them is checked: syntax, PromQL, the names of metrics and
labels, paths, and what the containers may do.
"""

import asyncio
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from mini_kafka.core.offsets import TopicPartition
from mini_kafka.engine.kafka_cluster.cluster_config import ClusterConfig
from mini_kafka.engine.kafka_cluster.engine import KafkaClusterEngine
from mini_kafka.engine.port import Caller
from mini_kafka.http_api.app import attach
from mini_kafka.measures import Measures
from tests.support.broker import broker

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "observability"
DASHBOARDS = sorted(FOLDER.glob("grafana/dashboards/*.json"))
PROFILE = "observability"
ME = Caller("test")

MADE_BY_PROMETHEUS: dict[str, set[str]] = {"up": {"job", "instance"}}
MADE_FROM_PROC: dict[str, set[str]] = {"process_cpu_seconds_total": set(), "process_resident_memory_bytes": set()}
"""What only Linux has, and a scrape on another machine has not."""
GRAFANA_VARIABLES = {"$__rate_interval": "1m"}
ON_EVERY_SERIES = {"job", "instance"}


def read_yaml(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def compose() -> Any:
    return read_yaml(ROOT / "docker-compose.yml")


def rules() -> list[dict[str, Any]]:
    return [rule for group in read_yaml(FOLDER / "rules.yml")["groups"] for rule in group["rules"]]


def panels() -> Iterator[dict[str, Any]]:
    for path in DASHBOARDS:
        yield from json.loads(path.read_text(encoding="utf-8"))["panels"]


def queries() -> list[tuple[str, str, str]]:
    """List every query: where it is, its PromQL, and the text that shows its labels."""
    found = [(rule["alert"], rule["expr"], rule["annotations"]["summary"]) for rule in rules()]
    for panel in panels():
        found += [(panel["title"], target["expr"], target["legendFormat"]) for target in panel["targets"]]
    return found


def parsed(query: str) -> promql_parser.Expr:
    for variable, stand_in in GRAFANA_VARIABLES.items():
        query = query.replace(variable, stand_in)
    return promql_parser.parse(query)


class Used:
    """The metrics and the labels that an expression names; walks over it."""

    def __init__(self, query: str) -> None:
        self.metrics: set[str] = set()
        self.labels: set[str] = set()
        promql_parser.walk(parsed(query), self._look)

    def _look(self, part: promql_parser.Expr) -> bool:
        """Look at one part of the expression; a range's selector is not visited by itself."""
        selector = part.vector_selector if isinstance(part, promql_parser.MatrixSelector) else part
        if isinstance(selector, promql_parser.VectorSelector):
            self.metrics.add(selector.name or "")
            self.labels |= {matcher.name for matcher in selector.matchers.matchers}
        if isinstance(part, promql_parser.AggregateExpr) and part.modifier:
            self.labels |= set(part.modifier.labels)
        return True


def unknown(query: str, text: str, known: dict[str, set[str]]) -> set[str]:
    """Find the metrics and labels of a query, and of the text beside it, that nobody has."""
    used = Used(query)
    assert used.metrics
    shown = set(re.findall(r"(?:\$labels\.|\{\{)(\w+)", text))
    labels = set.union(ON_EVERY_SERIES, *(known.get(name, set()) for name in used.metrics))
    return (used.metrics - known.keys()) | ((used.labels | shown) - labels)


@pytest.fixture(scope="module")
def scraped() -> dict[str, set[str]]:
    """Scrape a broker that has one of everything, and a gateway: the labels of each metric, by its samples' names."""

    async def scrape() -> list[bytes]:
        async with broker() as it:
            await it.engine.create_topic(ME, "orders")
            await it.post("/v1/topics/orders/records", {"value": 1})
            await it.engine.commit_offsets(ME, "till", {TopicPartition("orders", 0): 0})
            await it.post("/v1/groups/kitchen/acquire", {"topics": ["orders"]})
            in_ram = (await it.get("/metrics")).body
            gateway = KafkaClusterEngine(ClusterConfig(("127.0.0.1:1",)))
            attach(it.loaded[0], gateway, it.bounds, Measures([it.gate.traffic]))
            without_its_cluster = (await it.get("/metrics")).body
            await gateway.close()
            return [in_ram, without_its_cluster]

    labels: dict[str, set[str]] = {}
    for text in asyncio.run(scrape()):
        for family in text_string_to_metric_families(text.decode()):
            for sample in family.samples:
                labels.setdefault(sample.name, set()).update(sample.labels)
    return labels


def test_there_are_files_to_check() -> None:
    assert DASHBOARDS
    assert len(queries()) > 20


@pytest.mark.parametrize(("query", "text"), [query[1:] for query in queries()], ids=[query[0] for query in queries()])
def test_a_query_is_promql_about_metrics_and_labels_that_the_broker_has(
    query: str, text: str, scraped: dict[str, set[str]]
) -> None:
    elsewhere = MADE_BY_PROMETHEUS if Path("/proc/self/stat").exists() else MADE_BY_PROMETHEUS | MADE_FROM_PROC
    assert unknown(query, text, scraped | elsewhere) == set()


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("no_such", ""),
        ("rate(no_such[1m]) / mini_kafka_topics", ""),
        ("sum by (no_such) (mini_kafka_topics)", ""),
        ('rate(mini_kafka_topics{no_such="a"}[1m])', ""),
        ("mini_kafka_topics", "{{no_such}}"),
        ("mini_kafka_topics", "Group {{ $value }} {{ $labels.no_such }}."),
    ],
)
def test_the_check_finds_what_is_not_there(query: str, text: str, scraped: dict[str, set[str]]) -> None:
    assert unknown(query, text, scraped) == {"no_such"}


def test_the_check_finds_what_is_no_promql() -> None:
    with pytest.raises(ValueError, match="parenthesis"):
        parsed("sum(mini_kafka_topics")


def test_an_alert_says_in_a_sentence_what_is_wrong() -> None:
    names = [rule["alert"] for rule in rules()]
    assert len(set(names)) == len(names)
    for rule in rules():
        assert rule.keys() <= {"alert", "expr", "for", "annotations"}
        assert rule["annotations"]["summary"].rstrip().endswith(".")


def test_prometheus_asks_every_broker_of_a_stack_and_reads_the_rules() -> None:
    config = read_yaml(FOLDER / "prometheus.yml")
    assert config["rule_files"] == ["rules.yml"]
    ((found_by,),) = [job["dns_sd_configs"] for job in config["scrape_configs"]]
    assert found_by.items() >= {"names": ["broker"], "type": "A", "port": 8000}.items()


@pytest.mark.parametrize("query", [query[1] for query in queries()], ids=[query[0] for query in queries()])
def test_what_every_gateway_says_of_the_cluster_is_added_up_once(query: str) -> None:
    if re.search(r"\bsum\b.*\bkafka_", query):
        assert "(max without (instance) (" in query


def test_a_dashboard_names_the_datasource_that_is_provisioned_and_its_panels_do_not_overlap() -> None:
    (source,) = read_yaml(FOLDER / "grafana/datasources/prometheus.yml")["datasources"]
    reference = {"type": source["type"], "uid": source["uid"]}
    taken: set[tuple[int, int]] = set()
    for panel in panels():
        assert panel["datasource"] == reference
        assert all(target["datasource"] == reference for target in panel["targets"])
        at = panel["gridPos"]
        place = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert max(x for x, _ in place) < 24
        assert not taken & place, panel["title"]
        taken |= place
    assert len({panel["id"] for panel in panels()}) == len(list(panels()))


def test_the_profile_adds_two_services_and_the_default_has_none_of_them() -> None:
    services = compose()["services"]
    of_the_profile = {name for name, service in services.items() if service.get("profiles") == [PROFILE]}
    assert of_the_profile == {"prometheus", "grafana"}
    assert {name for name, service in services.items() if "profiles" not in service} == {
        "broker",
        "producer",
        "consumer",
    }


@pytest.mark.parametrize("name", ["prometheus", "grafana"])
def test_a_service_of_the_profile_is_pinned_locked_up_and_published_on_loopback(name: str) -> None:
    service = compose()["services"][name]
    assert re.fullmatch(r"[\w/-]+:v?\d+\.\d+\.\d+", service["image"])
    assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["mem_limit"]
    (port,) = service["ports"]
    assert re.fullmatch(rf"\$\{{PUBLISHED_{name.upper()}:-127\.0\.0\.1:(\d+)\}}:\1", port)
    for mount in service["volumes"]:
        source, target, mode = mount.split(":")
        assert (ROOT / source).exists()
        assert target.startswith(f"/etc/{name}/")
        assert mode == "ro"


@pytest.mark.parametrize(
    ("name", "folder", "user"), [("prometheus", "/prometheus", 65534), ("grafana", "/var/lib/grafana", 472)]
)
def test_a_service_of_the_profile_owns_the_memory_that_it_keeps_its_data_in(name: str, folder: str, user: int) -> None:
    places = dict(place.partition(":")[::2] for place in compose()["services"][name]["tmpfs"])
    assert f"uid={user}" in places[folder].split(","), "a tmpfs takes the mode of the image's folder, and not its owner"


def test_grafana_finds_the_dashboards_where_they_are_mounted() -> None:
    grafana = compose()["services"]["grafana"]
    places = dict(mount.split(":")[:2] for mount in grafana["volumes"])
    folder = places[f"./{(FOLDER / 'grafana/dashboards').relative_to(ROOT)}"]
    (provider,) = read_yaml(FOLDER / "grafana/dashboards/provider.yml")["providers"]
    assert provider["options"]["path"] == folder
    assert grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"] == f"{folder}/{DASHBOARDS[0].name}"
