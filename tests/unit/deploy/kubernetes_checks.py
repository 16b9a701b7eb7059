"""Says what is wrong with a set of Kubernetes objects: by the schemas, and with one another."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import pairwise
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]

from gateway import __version__
from gateway.backends.contracts import CONTRACTS
from gateway.settings import GatewaySettings
from services.kit.settings import Settings
from services.kit.weights.manifest import get_manifest

Object = Mapping[str, Any]

KUBERNETES = str(kubernetes_validate.latest_version())
PORTS = {contract.name.replace("_", "-"): contract.port for contract in CONTRACTS}
PROBES = ("startupProbe", "readinessProbe", "livenessProbe")
HARDENED_POD = {
    "automountServiceAccountToken": False,
    "enableServiceLinks": False,
}
HARDENED_POD_CONTEXT = {
    "runAsNonRoot": True,
    "runAsUser": 10001,
    "runAsGroup": 10001,
    "seccompProfile": {"type": "RuntimeDefault"},
}
HARDENED_CONTAINER = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}
OUTSIDE_THE_SCHEMAS = {"keda.sh/v1alpha1"}
GATEWAY_BYTES = 0.2e9
TRY_ON_BYTES = 0.7e9
UNITS = {"": 1.0, "m": 1e-3, "Mi": 2.0**20, "Gi": 2.0**30}


class Objects:
    """The objects of one build, by kind."""

    def __init__(self, objects: Sequence[Object]) -> None:
        self.all = objects

    def of(self, kind: str) -> dict[str, Object]:
        return {each["metadata"]["name"]: each for each in self.all if each["kind"] == kind}

    @property
    def workloads(self) -> dict[str, Object]:
        return {**self.of("Deployment"), **self.of("Job")}

    @property
    def settings(self) -> Mapping[str, str]:
        (found,) = self.of("ConfigMap").values()
        data: Mapping[str, str] = found["data"]
        return data


def problems(objects: Sequence[Object]) -> list[str]:
    """List everything that is wrong, each as one line."""
    found = Objects(objects)
    wrong = [line for each in objects for line in schema_problems(each)] + list(_names(found))
    # The other checks read what a wrong or missing object lacks.
    return wrong or [line for check in CHECKS for line in check(found)]


def schema_problems(each: Object) -> list[str]:
    """Compare an object with the schema of its kind; a field that is not in it is wrong."""
    return [] if each["apiVersion"] in OUTSIDE_THE_SCHEMAS else _schema_problems(json.dumps(each))


@cache
def _schema_problems(text: str) -> list[str]:
    each = json.loads(text)
    try:
        kubernetes_validate.validate(each, KUBERNETES, strict=True)
    except kubernetes_validate.ValidationError as error:
        where = ".".join(map(str, error.path))
        return [f"{_title(each)}: {where}: {error.message}"]
    except kubernetes_validate.SchemaNotFoundError as error:
        return [f"{_title(each)}: {error.message}"]
    return []


def _names(objects: Objects) -> Iterator[str]:
    seen = [(each["kind"], each["metadata"]["name"]) for each in objects.all]
    for first, second in pairwise(sorted(seen)):
        if first == second:
            yield f"{' '.join(first)}: there are two"
    for each in objects.all:
        if each["kind"] != "Namespace" and each["metadata"].get("namespace") != "tryon":
            yield f"{_title(each)}: is not in the namespace tryon"
    expected = {*PORTS, "gateway"}
    for kind in ("Deployment", "Service", "PodDisruptionBudget"):
        for name in expected ^ set(objects.of(kind)):
            yield f"{kind} {name}: is {'missing' if name in expected else 'of no service'}"


def _namespace(objects: Objects) -> Iterator[str]:
    labels = objects.of("Namespace")["tryon"]["metadata"]["labels"]
    if labels.get("pod-security.kubernetes.io/enforce") != "restricted":
        yield "Namespace tryon: does not enforce the restricted Pod Security Standard"


def _pods(objects: Objects) -> Iterator[str]:
    for each in objects.workloads.values():
        name, spec = _title(each), _pod(each)
        yield from _differences(name, HARDENED_POD, spec)
        yield from _differences(name, HARDENED_POD_CONTEXT, spec["securityContext"])
        volumes = {volume["name"]: volume for volume in spec["volumes"]}
        if "sizeLimit" not in volumes.get("tmp", {}).get("emptyDir", {}):
            yield f"{name}: /tmp has no size limit"
        for container in _containers(each):
            yield from _container(f"{name} {container['name']}", container, volumes)


def _container(name: str, container: Object, volumes: Mapping[str, Object]) -> Iterator[str]:
    yield from _differences(name, HARDENED_CONTAINER, container.get("securityContext", {}))
    resources = container.get("resources", {})
    for what in ("cpu", "memory"):
        request, limit = (resources.get(kind, {}).get(what) for kind in ("requests", "limits"))
        if request is None or limit is None:
            yield f"{name}: {what} has no request or no limit"
        elif _amount(request) > _amount(limit):
            yield f"{name}: requests more {what} than its limit"
    for mount in container.get("volumeMounts", ()):
        if mount["name"] not in volumes:
            yield f"{name}: mounts a volume that is not there: {mount['name']}"


def _images(objects: Objects) -> Iterator[str]:
    for workload, each in objects.workloads.items():
        for container in _containers(each):
            if container["image"] != f"tryon/{workload}:{__version__}":
                yield f"{_title(each)}: runs {container['image']}"


def _references(objects: Objects) -> Iterator[str]:
    maps, claims = objects.of("ConfigMap"), objects.of("PersistentVolumeClaim")
    for each in objects.of("Deployment").values():
        for source in _server(each).get("envFrom", [{}]):
            if source.get("configMapRef", {}).get("name") not in maps:
                yield f"{_title(each)}: has no settings"
    for each in objects.workloads.values():
        for volume in _pod(each)["volumes"]:
            claim = volume.get("persistentVolumeClaim")
            if claim and claim["claimName"] not in claims:
                yield f"{_title(each)}: there is no claim {claim['claimName']}"


def _ports(objects: Objects) -> Iterator[str]:
    for name, port in PORTS.items():
        deployment, service = objects.of("Deployment")[name], objects.of("Service")[name]
        server = _server(deployment)
        told = {
            "its container": [each["containerPort"] for each in server["ports"]],
            "its Service": [each["port"] for each in service["spec"]["ports"]],
            **{each: [server.get(each, {}).get("grpc", {}).get("port")] for each in PROBES},
        }
        for what, found in told.items():
            if found != [port]:
                yield f"Deployment {name}: the contract's port is {port}, that of {what} is {found}"
        if service["spec"].get("clusterIP") != "None":
            yield f"Service {name}: is not headless, so one pod would get every call"
    gateway = _server(objects.of("Deployment")["gateway"])
    for each in PROBES:
        if gateway.get(each, {}).get("httpGet", {}).get("path") != "/healthz":
            yield f"Deployment gateway: its {each} does not ask /healthz"


def _selectors(objects: Objects) -> Iterator[str]:
    for each in objects.of("Deployment").values():
        yield from _selects_one(objects, each, each["spec"]["selector"], each["metadata"]["name"])
    for each in objects.of("Service").values():
        selector = {"matchLabels": each["spec"]["selector"]}
        name = each["metadata"]["name"]
        yield from _selects_one(objects, each, selector, name)
        ports = {port["name"] for port in _server(objects.of("Deployment")[name])["ports"]}
        for port in each["spec"]["ports"]:
            if port["targetPort"] not in ports:
                yield f"{_title(each)}: its pods have no port {port['targetPort']}"
    for each in objects.of("PodDisruptionBudget").values():
        yield from _selects_one(objects, each, each["spec"]["selector"], each["metadata"]["name"])


def _selects_one(objects: Objects, each: Object, selector: Object, name: str) -> Iterator[str]:
    found = [key for key, pod in objects.workloads.items() if _selects(selector, _labels(pod))]
    if found != [name]:
        yield f"{_title(each)}: selects the pods of {found}"


def _autoscalers(objects: Objects) -> Iterator[str]:
    scaled = [*objects.of("HorizontalPodAutoscaler").values(), *objects.of("ScaledObject").values()]
    targets = [each["spec"]["scaleTargetRef"]["name"] for each in scaled]
    deployments = objects.of("Deployment")
    for each, target in zip(scaled, targets, strict=True):
        spec = each["spec"]
        if target not in deployments:
            yield f"{_title(each)}: there is no Deployment {target}"
            continue
        if targets.count(target) > 1:
            yield f"{_title(each)}: another one scales {target} too"
        if "replicas" in deployments[target]["spec"]:
            yield f"Deployment {target}: its replicas would undo what {_title(each)} decided"
        low, high = (spec.get(f"{end}Replicas", spec.get(f"{end}ReplicaCount")) for end in _ENDS)
        if not low or not high or low > high:
            yield f"{_title(each)}: from {low} to {high} replicas"
        for metric in spec.get("metrics", ()):
            if metric["containerResource"]["container"] != _server(deployments[target])["name"]:
                yield f"{_title(each)}: {target} has no such container"
        for trigger in spec.get("triggers", ()):
            asked = trigger["metadata"]["valueLocation"]
            if asked != f'services.#(name=="{target.replace("-", "_")}").calls':
                yield f"{_title(each)}: reads {asked}"
            if trigger["metadata"]["url"] != "http://gateway.tryon.svc/v1/services":
                yield f"{_title(each)}: asks {trigger['metadata']['url']}"


_ENDS = ("min", "max")


def _network(objects: Objects) -> Iterator[str]:
    pods = objects.workloads
    for each in objects.of("NetworkPolicy").values():
        spec = each["spec"]
        selectors = [spec["podSelector"]]
        for way, side in (("ingress", "from"), ("egress", "to")):
            for rule in spec.get(way, ()):
                selectors += [
                    peer["podSelector"]
                    for peer in rule.get(side, ())
                    if "podSelector" in peer and "namespaceSelector" not in peer
                ]
        for selector in selectors:
            if not any(_selects(selector, _labels(pod)) for pod in pods.values()):
                yield f"{_title(each)}: selects nothing: {selector}"
    for source, target in ((a, b) for a in pods for b in objects.of("Deployment") if a != b):
        port = _server(pods[target])["ports"][0]
        wanted = source == "gateway" and target in PORTS
        if _may_call(objects, pods[source], pods[target], port) != wanted:
            yield f"NetworkPolicies: {source} may {'not ' if wanted else ''}call {target}"


def _may_call(objects: Objects, source: Object, target: Object, port: Object) -> bool:
    def allows(own: Object, other: Object, way: str, side: str) -> bool:
        policies = [
            each["spec"]
            for each in objects.of("NetworkPolicy").values()
            if way.title() in each["spec"]["policyTypes"]
            and _selects(each["spec"]["podSelector"], _labels(own))
        ]
        return not policies or any(
            any(
                "podSelector" in peer
                and "namespaceSelector" not in peer
                and _selects(peer["podSelector"], _labels(other))
                for peer in rule[side]
            )
            and any(each["port"] in (port["name"], port["containerPort"]) for each in rule["ports"])
            for policy in policies
            for rule in policy.get(way, ())
        )

    return allows(source, target, "egress", "to") and allows(target, source, "ingress", "from")


def _settings(objects: Objects) -> Iterator[str]:
    given = {key.removeprefix("TRYON_").lower(): text for key, text in objects.settings.items()}
    known = {*Settings.model_fields, *GatewaySettings.model_fields}
    for key in given.keys() - known:
        yield f"ConfigMap settings: there is no setting TRYON_{key.upper()}"
    service = Settings.model_validate(_only(given, Settings.model_fields))
    gateway = GatewaySettings.model_validate(_only(given, GatewaySettings.model_fields))
    for contract in CONTRACTS:
        host, _, port = gateway.address(contract).rpartition(":")
        if PORTS.get(host) != contract.port or int(port) != contract.port:
            yield f"ConfigMap settings: {contract.name} would be called at {host}:{port}"
    longest = max(method.deadline_seconds for contract in CONTRACTS for method in contract.methods)
    if service.shutdown_grace < longest:
        yield f"ConfigMap settings: a call may take {longest} s, a stop {service.shutdown_grace} s"
    if service.max_connection_age is None:
        yield "ConfigMap settings: new pods would not be found"
    for name, each in objects.of("Deployment").items():
        spec, server = _pod(each), _server(each)
        needed = gateway.deadline if name == "gateway" else service.shutdown_grace
        needed += server["lifecycle"]["preStop"]["sleep"]["seconds"]
        if spec["terminationGracePeriodSeconds"] < needed + 5:
            yield f"Deployment {name}: may need {needed} s to stop"
    # Both photos go to some services at the same time.
    calls = (
        2
        * gateway.max_concurrent_try_ons
        * objects.of("Deployment")["gateway"]["spec"].get("replicas", 1)
    )
    if calls > service.queue_size + service.workers:
        yield f"ConfigMap settings: {calls} calls at once do not fit into a service's queue"


def _memory(objects: Objects) -> Iterator[str]:
    """Compare the gateway's limit with what its try-ons (25 megapixels) and its memo may take."""
    given = {key.removeprefix("TRYON_").lower(): text for key, text in objects.settings.items()}
    gateway = GatewaySettings.model_validate(_only(given, GatewaySettings.model_fields))
    needed = GATEWAY_BYTES + gateway.max_concurrent_try_ons * TRY_ON_BYTES + gateway.memo_mb * 1e6
    limit = _amount(_server(objects.of("Deployment")["gateway"])["resources"]["limits"]["memory"])
    if needed > limit:
        yield f"Deployment gateway: may need {needed / 1e9:.1f} GB, its limit is {limit / 1e9:.1f}"


def _weights(objects: Objects) -> Iterator[str]:
    needed: dict[str, set[str]] = {name: set() for name in PORTS}
    for weight in get_manifest().weights:
        if weight.default:
            for user in weight.used_by:
                needed[user.partition(":")[0].replace("_", "-")].add(weight.file)
    folder = objects.settings["TRYON_MODELS_DIR"]
    for name, files in needed.items():
        each = objects.of("Deployment")[name]
        waits = " ".join(
            " ".join(container["command"]) for container in _pod(each).get("initContainers", ())
        )
        awaited = set(re.findall(rf"{folder}/(\S+)", waits))
        if awaited != files:
            yield f"Deployment {name}: waits for {sorted(awaited)}, needs {sorted(files)}"
        mounts = [each for each in _server(each)["volumeMounts"] if each["mountPath"] == folder]
        if [mount.get("readOnly") for mount in mounts] != ([True] if files else []):
            yield f"Deployment {name}: weights are not mounted, or not read-only"


def _ingress(objects: Objects) -> Iterator[str]:
    given = {key.removeprefix("TRYON_").lower(): text for key, text in objects.settings.items()}
    deadline = GatewaySettings.model_validate(_only(given, GatewaySettings.model_fields)).deadline
    body = 2 * Settings().max_upload_bytes
    for each in objects.of("Ingress").values():
        for rule in each["spec"]["rules"]:
            for path in rule["http"]["paths"]:
                backend = path["backend"]["service"]
                service = objects.of("Service").get(backend["name"], {"spec": {"ports": ()}})
                if backend["port"]["name"] not in [p["name"] for p in service["spec"]["ports"]]:
                    yield f"{_title(each)}: there is no Service {backend}"
        for key, text in each["metadata"]["annotations"].items():
            if key.endswith("body-size") and int(text.removesuffix("m")) * 2**20 < body:
                yield f"{_title(each)}: {key} is less than two photos"
            if key.endswith("read-timeout") and int(text.removesuffix("s")) < deadline:
                yield f"{_title(each)}: {key} is less than a picture may take"


CHECKS = (
    _namespace,
    _pods,
    _images,
    _references,
    _ports,
    _selectors,
    _autoscalers,
    _network,
    _settings,
    _memory,
    _weights,
    _ingress,
)


def _title(each: Object) -> str:
    return f"{each['kind']} {each['metadata']['name']}"


def _pod(each: Object) -> dict[str, Any]:
    spec: dict[str, Any] = each["spec"]["template"]["spec"]
    return spec


def _labels(each: Object) -> Mapping[str, str]:
    labels: Mapping[str, str] = each["spec"]["template"]["metadata"]["labels"]
    return labels


def _containers(each: Object) -> list[Object]:
    return [*_pod(each).get("initContainers", ()), *_pod(each)["containers"]]


def _server(each: Object) -> Object:
    (server,) = _pod(each)["containers"]
    found: Object = server
    return found


def _selects(selector: Object, labels: Mapping[str, str]) -> bool:
    return all(
        labels.get(key) == value for key, value in selector.get("matchLabels", {}).items()
    ) and all(
        each["operator"] == "In" and labels.get(each["key"]) in each["values"]
        for each in selector.get("matchExpressions", ())
    )


def _differences(name: str, wanted: Object, found: Object) -> Iterator[str]:
    for key, value in wanted.items():
        if found.get(key) != value:
            yield f"{name}: {key} is {found.get(key)}, not {value}"


def _amount(text: str) -> float:
    number, unit = re.fullmatch(r"(\d+)(m|Mi|Gi|)", text).groups()  # type: ignore[union-attr]
    return float(number) * UNITS[unit]


def _only(given: Mapping[str, str], fields: Mapping[str, object]) -> dict[str, str]:
    return {key: text for key, text in given.items() if key in fields}
