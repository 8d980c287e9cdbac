"""The manifests of deploy/kubernetes, as kustomize puts them together: no cluster, and no Docker.

What the API server would refuse is found by Kubernetes' own schemas, strictly; what it would take and the container
would not, by the broker's settings.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import kubernetes_validate
import pytest
import yaml

from tests.integration.programs import BIN, ROOT

KUSTOMIZATIONS = ("memory", "gateway")
VERSIONS = ("1.31", "1.37")
"""The oldest and the newest Kubernetes that the manifests are held to."""
STRIMZI = "kafka.strimzi.io/v1"
"""Strimzi's own kinds, for which Kubernetes has no schema."""


@pytest.fixture(scope="module", params=KUSTOMIZATIONS)
def manifests(request: pytest.FixtureRequest) -> list[dict[str, Any]]:
    """Put a kustomization together."""
    if shutil.which("kubectl") is None:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("the command kubectl is not installed")
    folder = ROOT / "deploy" / "kubernetes" / request.param
    done = subprocess.run(["kubectl", "kustomize", folder], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == "", "kustomize warns"
    return list(yaml.safe_load_all(done.stdout))


def of_kind(manifests: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    (found,) = (manifest for manifest in manifests if manifest["kind"] == kind)
    return found


def pod_of(manifests: list[dict[str, Any]]) -> dict[str, Any]:
    return dict(of_kind(manifests, "Deployment")["spec"]["template"])


def container_of(manifests: list[dict[str, Any]]) -> dict[str, Any]:
    (container,) = pod_of(manifests)["spec"]["containers"]
    return dict(container)


def environment_of(manifests: list[dict[str, Any]]) -> dict[str, str]:
    """Give the container's variables as the kubelet sets them: it puts in those that came before, and no others."""
    values: dict[str, str] = {}
    for entry in container_of(manifests)["env"]:
        raw = entry.get("value", "somewhere")
        values[entry["name"]] = re.sub(r"\$\((\w+)\)", lambda found: values.get(found[1], found[0]), raw)
    return values


def selectors(manifests: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, str]]]:
    """List what picks out pods of ours: whose it is, and the labels."""
    for manifest in manifests:
        spec = manifest["spec"]
        match manifest["kind"]:
            case "Service":
                yield "Service", spec["selector"]
            case "NetworkPolicy":
                yield "NetworkPolicy", spec["podSelector"].get("matchLabels", {})
            case "Deployment" | "PodDisruptionBudget" as kind:
                yield kind, spec["selector"]["matchLabels"]
    for constraint in pod_of(manifests)["spec"].get("topologySpreadConstraints", ()):
        yield "topologySpreadConstraints", constraint["labelSelector"]["matchLabels"]


@pytest.mark.parametrize("version", VERSIONS)
def test_kubernetes_takes_every_manifest(manifests: list[dict[str, Any]], version: str) -> None:
    for manifest in manifests:
        if manifest["apiVersion"] != STRIMZI:
            kubernetes_validate.validate(manifest, version, strict=True)


def test_whatever_picks_out_pods_picks_those_of_the_deployment_and_no_others(manifests: list[dict[str, Any]]) -> None:
    labels = pod_of(manifests)["metadata"]["labels"]

    assert labels["app.kubernetes.io/name"] == "mini-kafka"
    for whose, selected in selectors(manifests):
        assert selected == labels, whose


def test_a_pod_may_do_what_the_restricted_standard_allows_and_nothing_more(manifests: list[dict[str, Any]]) -> None:
    pod, container = pod_of(manifests)["spec"], container_of(manifests)

    assert pod["securityContext"].items() >= {
        "runAsNonRoot": True, "runAsUser": 10001, "seccompProfile": {"type": "RuntimeDefault"}
    }.items()  # fmt: skip
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}
    }  # fmt: skip
    assert pod["automountServiceAccountToken"] is False
    assert {name for volume in pod.get("volumes", ()) for name in volume} <= {"name", "secret"}
    assert not pod.keys() & {"hostNetwork", "hostPID", "hostIPC", "initContainers"}
    assert container["resources"]["limits"]["memory"] == container["resources"]["requests"]["memory"]


def test_a_service_s_name_sets_no_variable_of_the_broker_s(manifests: list[dict[str, Any]]) -> None:
    assert pod_of(manifests)["spec"]["enableServiceLinks"] is False


def test_alive_and_ready_are_two_questions_at_the_port_of_http(manifests: list[dict[str, Any]]) -> None:
    container = container_of(manifests)
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}

    assert container["livenessProbe"]["httpGet"] == {"path": "/livez", "port": "http"}
    assert container["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "http"}
    assert ports["http"] == 8000
    for port in of_kind(manifests, "Service")["spec"]["ports"]:
        assert ports[port["targetPort"]] == port["port"]


def test_a_variable_of_the_broker_s_is_a_setting_that_it_takes(
    manifests: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    values = environment_of(manifests)
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    assert "$" not in "".join(values.values()), "a variable stands before the one that it needs"

    done = subprocess.run([BIN / "mini-kafka", "--print-config"], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert done.stderr == "", "a variable is no setting"
    ours = {name for name in values if name.startswith("MINI_KAFKA_")}
    assert ours == set(re.findall(r"environment (MINI_KAFKA_\w+)", done.stdout))


def test_what_a_gateway_reads_from_files_comes_from_strimzi_s_secrets(manifests: list[dict[str, Any]]) -> None:
    values, pod = environment_of(manifests), pod_of(manifests)["spec"]
    if values.get("MINI_KAFKA_ENGINE") != "kafka":
        assert "volumes" not in pod
        return
    user = of_kind(manifests, "KafkaUser")
    cluster = user["metadata"]["labels"]["strimzi.io/cluster"]
    secrets = {volume["name"]: volume["secret"] for volume in pod["volumes"]}
    files = {
        f"{mount['mountPath']}/{item['path']}": (secrets[mount["name"]]["secretName"], item["key"])
        for mount in container_of(manifests)["volumeMounts"]
        for item in secrets[mount["name"]]["items"]
    }

    assert values["MINI_KAFKA_BOOTSTRAP_SERVERS"] == f"{cluster}-kafka-bootstrap:9093"
    assert values["MINI_KAFKA_SASL_USERNAME"] == user["metadata"]["name"]
    assert values["MINI_KAFKA_SASL_MECHANISM"].lower() == user["spec"]["authentication"]["type"]
    assert files == {
        values["MINI_KAFKA_SSL_CA_FILE"]: (f"{cluster}-cluster-ca-cert", "ca.crt"),
        values["MINI_KAFKA_SASL_PASSWORD_FILE"]: (user["metadata"]["name"], "password"),
    }
    assert all(secret["defaultMode"] == 0o440 for secret in secrets.values())
    assert pod["securityContext"]["fsGroup"] == pod["securityContext"]["runAsGroup"]
