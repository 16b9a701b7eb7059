"""``deploy/kubernetes``: what kustomize builds is valid, and its parts fit one another.

No cluster is needed: kustomize builds offline, and the API's schemas come with a Python package.
"""

import copy
import json
import shutil
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.inventory import Health, Replica, ServiceState
from gateway.routes.services import Service, Services
from gateway.run_mode import RunMode
from tests.unit.deploy.kubernetes_checks import problems, schema_problems

pytestmark = pytest.mark.unit

ROOT = Path(__file__).resolve().parents[3] / "deploy" / "kubernetes"
OVERLAYS = sorted(path.parent.name for path in ROOT.glob("overlays/*/kustomization.yaml"))
PARTIAL = {"patches", "kustomization.yaml", "apart.yaml", "cpu.yaml", "behaviour.yaml"}
FILES = sorted(path for path in ROOT.rglob("*.yaml") if not PARTIAL & {*path.parts})

Build = Callable[[str], list[dict[str, Any]]]


@pytest.fixture(scope="session")
def build() -> Build:
    """Build an overlay into its objects."""
    command = _kustomize()
    if command is None:
        pytest.skip(
            "building deploy/kubernetes needs kubectl 1.24 or newer (Debian 13: apt-get install "
            "kubernetes-client), or kustomize 4.5 or newer"
        )

    @cache
    def text(overlay: str) -> str:
        folder = ROOT / "overlays" / overlay
        return subprocess.run(  # noqa: S603 - a tool of the machine's, on our own files
            [*command, str(folder)], check=True, capture_output=True, text=True
        ).stdout

    return lambda overlay: list(yaml.safe_load_all(text(overlay)))


def _kustomize() -> list[str] | None:
    if kubectl := shutil.which("kubectl"):
        told = subprocess.run(  # noqa: S603 - see above
            [kubectl, "version", "--client", "--output=json"],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        # Older ones do not tell, and know no components.
        if json.loads(told).get("kustomizeVersion", "v2").lstrip("v").split(".")[0] >= "4":
            return [kubectl, "kustomize"]
    kustomize = shutil.which("kustomize")
    return [kustomize, "build"] if kustomize else None


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_hold_valid_objects(path: Path) -> None:
    objects = list(yaml.safe_load_all(path.read_text()))
    assert objects
    assert [line for each in objects for line in schema_problems(each)] == []


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_overlays_are_valid_and_fit_together(build: Build, overlay: str) -> None:
    assert problems(build(overlay)) == []


def test_three_densepose_pods_at_least_where_there_are_several_nodes(build: Build) -> None:
    for overlay, kind, field in (
        ("cluster", "HorizontalPodAutoscaler", "minReplicas"),
        ("cluster-keda", "ScaledObject", "minReplicaCount"),
    ):
        found = _find(build(overlay), kind, "densepose")
        assert found["spec"][field] == 3
        deployment = _find(build(overlay), "Deployment", "densepose")
        assert deployment["spec"]["template"]["spec"]["topologySpreadConstraints"]


def test_only_one_overlay_needs_more_than_kubernetes(build: Build) -> None:
    groups = {name: {each["apiVersion"] for each in build(name)} for name in OVERLAYS}
    assert [name for name in OVERLAYS if any("keda" in group for group in groups[name])] == [
        "cluster-keda"
    ]


def test_the_small_overlay_fits_a_small_machine(build: Build) -> None:
    requests = [
        each["spec"]["template"]["spec"]["containers"][0]["resources"]["requests"]["memory"]
        for each in build("small")
        if each["kind"] == "Deployment"
    ]
    assert all(text.endswith("Mi") for text in requests)
    assert sum(int(text.removesuffix("Mi")) for text in requests) <= 6 * 1024


def _find(objects: list[dict[str, Any]], kind: str, name: str) -> dict[str, Any]:
    return next(
        each for each in objects if each["kind"] == kind and each["metadata"]["name"] == name
    )


def _pod(objects: list[dict[str, Any]], name: str) -> dict[str, Any]:
    spec: dict[str, Any] = _find(objects, "Deployment", name)["spec"]["template"]["spec"]
    return spec


def _server(objects: list[dict[str, Any]], name: str) -> dict[str, Any]:
    server: dict[str, Any] = _pod(objects, name)["containers"][0]
    return server


def _config(objects: list[dict[str, Any]]) -> dict[str, str]:
    data: dict[str, str] = next(each for each in objects if each["kind"] == "ConfigMap")["data"]
    return data


def _policy(objects: list[dict[str, Any]], name: str) -> dict[str, Any]:
    spec: dict[str, Any] = _find(objects, "NetworkPolicy", name)["spec"]
    return spec


def _drop(objects: list[dict[str, Any]], kind: str, *names: str) -> bool:
    for name in names:
        objects.remove(_find(objects, kind, name))
    return True


FAULTS: dict[str, tuple[Callable[[list[dict[str, Any]]], object], str]] = {
    "a misspelt field": (
        lambda o: _server(o, "viton").update(imagePullPolcy="Always"),
        "Deployment viton: spec.template.spec.containers.0: Additional properties",
    ),
    "a wrong type": (
        lambda o: _server(o, "viton")["startupProbe"]["grpc"].update(port="grpc"),
        "Deployment viton: spec.template.spec.containers.0.startupProbe.grpc.port",
    ),
    "an API that is gone": (
        lambda o: _find(o, "PodDisruptionBudget", "viton").update(apiVersion="policy/v1beta1"),
        "PodDisruptionBudget viton: Couldn't find schema",
    ),
    "a missing service": (
        lambda o: _drop(o, "Deployment", "viton"),
        "Deployment viton: is missing",
    ),
    "another port": (
        lambda o: _find(o, "Service", "viton")["spec"]["ports"][0].update(port=50058),
        "the contract's port is 50059, that of its Service is [50058]",
    ),
    "a probe of another port": (
        lambda o: _server(o, "viton")["livenessProbe"].update(grpc={"port": 50051}),
        "that of livenessProbe is [50051]",
    ),
    "no readiness probe": (
        lambda o: _server(o, "viton").pop("readinessProbe"),
        "that of readinessProbe is [None]",
    ),
    "not headless": (
        lambda o: _find(o, "Service", "viton")["spec"].pop("clusterIP"),
        "Service viton: is not headless",
    ),
    "a Service of other pods": (
        lambda o: _find(o, "Service", "viton")["spec"].update(
            selector={"app.kubernetes.io/name": "densepose"}
        ),
        "Service viton: selects the pods of ['densepose']",
    ),
    "a budget of no pods": (
        lambda o: _find(o, "PodDisruptionBudget", "viton")["spec"]["selector"].update(
            matchLabels={"app": "viton"}
        ),
        "PodDisruptionBudget viton: selects the pods of []",
    ),
    "an autoscaler of nothing": (
        lambda o: _find(o, "HorizontalPodAutoscaler", "viton")["spec"]["scaleTargetRef"].update(
            name="vitons"
        ),
        "HorizontalPodAutoscaler viton: there is no Deployment vitons",
    ),
    "replicas beside an autoscaler": (
        lambda o: _find(o, "Deployment", "viton")["spec"].update(replicas=2),
        "its replicas would undo",
    ),
    "another image": (
        lambda o: _server(o, "viton").update(image="tryon/viton:latest"),
        "Deployment viton: runs tryon/viton:latest",
    ),
    "root": (
        lambda o: _pod(o, "viton")["securityContext"].update(runAsNonRoot=False),
        "Deployment viton: runAsNonRoot is False",
    ),
    "capabilities": (
        lambda o: _server(o, "viton")["securityContext"].pop("capabilities"),
        "Deployment viton server: capabilities is None",
    ),
    "a limit that is missing": (
        lambda o: _server(o, "viton")["resources"]["limits"].pop("memory"),
        "memory has no request or no limit",
    ),
    "a request over its limit": (
        lambda o: _server(o, "viton")["resources"]["requests"].update(memory="2Gi"),
        "requests more memory than its limit",
    ),
    "an unlimited /tmp": (
        lambda o: _pod(o, "viton")["volumes"][0].update(emptyDir={}),
        "Deployment viton: /tmp has no size limit",
    ),
    "no settings": (
        lambda o: _server(o, "viton")["envFrom"][0]["configMapRef"].update(name="settings"),
        "Deployment viton: has no settings",
    ),
    "a setting that nothing reads": (
        lambda o: _config(o).update(TRYON_QUEUE="1"),
        "there is no setting TRYON_QUEUE",
    ),
    "addresses that are no Service's": (
        lambda o: _config(o).update(TRYON_SERVICE_ADDRESS="{name}:{port}"),
        "would be called at human_parse:50053",
    ),
    "connections that never age": (
        lambda o: _config(o).pop("TRYON_MAX_CONNECTION_AGE"),
        "new pods would not be found",
    ),
    "a grace that is too short": (
        lambda o: _pod(o, "viton").update(terminationGracePeriodSeconds=30),
        "Deployment viton: may need 125.0 s to stop",
    ),
    "more pictures than the queues hold": (
        lambda o: _config(o).update(TRYON_MAX_CONCURRENT_TRY_ONS="16"),
        "64 calls at once do not fit",
    ),
    "a memo larger than the memory": (
        lambda o: _config(o).update(TRYON_MEMO_MB="2000"),
        "Deployment gateway: may need 5.0 GB, its limit is 4.3",
    ),
    "weights nobody waits for": (
        lambda o: _pod(o, "openpose").pop("initContainers"),
        "Deployment openpose: waits for [], needs ['pose_landmarker_full.task']",
    ),
    "weights that can be written": (
        lambda o: [mount.pop("readOnly", 0) for mount in _server(o, "openpose")["volumeMounts"]],
        "Deployment openpose: weights are not mounted, or not read-only",
    ),
    "no rule for the gateway's calls": (
        lambda o: _drop(o, "NetworkPolicy", "gateway"),
        "NetworkPolicies: gateway may not call viton",
    ),
    "nothing denied": (
        lambda o: _drop(o, "NetworkPolicy", "default-deny", "services"),
        "NetworkPolicies: densepose may call viton",
    ),
    "a policy of no pods": (
        lambda o: _policy(o, "services")["podSelector"].update(matchLabels={"role": "service"}),
        "NetworkPolicy services: selects nothing",
    ),
    "an ingress to nowhere": (
        lambda o: _find(o, "Service", "gateway")["spec"]["ports"][0].update(name="web"),
        "Ingress gateway: there is no Service",
    ),
    "a small body limit": (
        lambda o: _find(o, "Ingress", "gateway")["metadata"]["annotations"].update(
            {"nginx.ingress.kubernetes.io/proxy-body-size": "8m"}
        ),
        "proxy-body-size is less than two photos",
    ),
    "an unprotected namespace": (
        lambda o: _find(o, "Namespace", "tryon")["metadata"].update(labels={}),
        "does not enforce the restricted",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_planted_faults_are_found(build: Build, fault: str) -> None:
    plant, told = FAULTS[fault]
    objects = copy.deepcopy(build("cluster"))
    plant(objects)
    found = problems(objects)
    assert any(told in line for line in found), found


def test_a_queue_that_is_not_asked_for_is_found(build: Build) -> None:
    objects = build("cluster-keda")
    trigger = _find(objects, "ScaledObject", "viton")["spec"]["triggers"][0]["metadata"]
    trigger["valueLocation"] = trigger["valueLocation"].replace("viton", "densepose")
    assert any("ScaledObject viton: reads" in line for line in problems(objects))


def test_the_queue_is_told_where_keda_looks() -> None:
    """``services.#(name=="viton").calls``: of all pods that answered, at work and waiting."""
    replicas = (
        Replica(address="10.0.0.1:50059", health=Health.SERVING, running=1, waiting=2),
        Replica(address="10.0.0.2:50059", health=Health.SERVING, running=1, waiting=0),
        Replica(address="10.0.0.3:50059", health=Health.FAILING),
    )
    state = ServiceState(
        name="viton",
        engine="warp",
        mode=RunMode.REMOTE,
        health=Health.SERVING,
        replicas=replicas,
    )
    told = Service.model_validate(state, from_attributes=True).model_dump()
    assert (told["name"], told["calls"]) == ("viton", 4)
    assert "services" in Services.model_fields
    assert ServiceState(name="viton", mode=RunMode.REMOTE, health=Health.FAILING).calls is None
