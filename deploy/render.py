"""Write the services into the files of compose, Swarm and Kubernetes: ``python -m deploy.render``.

The text comes from ``services/NAME/deployment.toml`` and the service's contract, through the
templates in this folder. A Kubernetes service has a file of its own. In the other files the text
between two ``services`` comments is replaced. The graph in ``docs/ARCHITECTURE.md`` is redrawn from
the pipeline. The room that compose's limits leave is printed. ``--check`` writes nothing and fails
if a file is not up to date.
"""

import argparse
import importlib
import re
import string
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from deploy import limits
from gateway import __version__
from gateway.dag import mermaid
from gateway.pipeline import TRY_ON_PIPELINE
from services.kit.contract import Contract
from services.kit.deployment import Deployment, read_deployment, service_names

ROOT: Final = Path(__file__).resolve().parents[1]
"""Folder of the repository."""

TEMPLATES: Final = Path(__file__).with_name("templates")
"""Folder of the templates, in which ``@{name}`` stands for a value."""

REGION: Final = re.compile(
    r"(?P<begin>^ *# begin services [^\n]*\n).*?(?P<end>^ *# end services\n)",
    re.DOTALL | re.MULTILINE,
)
"""A region of a file between the two comments."""

ARCHITECTURE: Final = Path("docs") / "ARCHITECTURE.md"
"""The document that shows the graph."""

GRAPH: Final = re.compile(r"^```mermaid\n.*?^```$", re.DOTALL | re.MULTILINE)
"""The drawn graph in the document."""

HOST_CPUS: Final = "${TRYON_CPUS:-2}"
"""Cores of a container whose network uses all cores, as compose and Swarm read them."""


class _Template(string.Template):
    delimiter = "@"


@dataclass(frozen=True)
class ServiceDeployment:
    """A service as the deployment files describe it."""

    contract: Contract
    """The service's contract."""
    deployment: Deployment
    """Its ``deployment.toml``."""

    @property
    def values(self) -> dict[str, object]:
        """Values of the templates, by name."""
        contract, deployment = self.contract, self.deployment
        resources = deployment.kubernetes
        return {
            "name": contract.name,
            "host": contract.host,
            "variable": contract.name.upper(),
            "port": contract.port,
            "version": __version__,
            "summary": deployment.summary,
            "base": "[*service, *weights]" if deployment.reads_weights else "*service",
            "swarm_base": "[*with-weights, *service]" if deployment.reads_weights else "*service",
            "cpus": _cpus(deployment.compose.cpus),
            "compose_replicas": deployment.compose.replicas,
            "memory_mib": deployment.compose.memory_mib,
            "small_memory_mib": deployment.compose.small_memory_mib,
            "swarm_replicas": deployment.swarm.replicas,
            "reserved_cpus": deployment.swarm.reserved_cpus,
            "reserved_memory_mib": deployment.swarm.reserved_memory_mib,
            "request_cpu": resources.requests.cpu,
            "request_memory": resources.requests.memory,
            "limit_cpu": resources.limits.cpu,
            "limit_memory": resources.limits.memory,
        }


def _cpus(cpus: float | str) -> str:
    return HOST_CPUS if isinstance(cpus, str) else f"{cpus:g}"


def services() -> list[ServiceDeployment]:
    """Read every service's contract and ``deployment.toml``, in alphabetical order."""
    return [
        ServiceDeployment(
            importlib.import_module(f"services.{name}.contract").CONTRACT, read_deployment(name)
        )
        for name in service_names()
    ]


def render() -> dict[Path, str]:
    """Return the required text of every file, by path."""
    found = services()
    texts = {
        ROOT / "deploy" / "kubernetes" / "base" / f"{each.contract.host}.yaml": _kubernetes(each)
        for each in found
    }
    for name, regions in _regions().items():
        path = ROOT / name
        written = iter(regions)
        texts[path] = REGION.sub(
            lambda match, written=written: (  # type: ignore[misc]
                match["begin"] + next(written)(found) + match["end"]
            ),
            path.read_text(encoding="utf-8"),
        )
    architecture = (ROOT / ARCHITECTURE).read_text(encoding="utf-8")
    graph = f"```mermaid\n{mermaid(TRY_ON_PIPELINE)}```"
    texts[ROOT / ARCHITECTURE] = GRAPH.sub(lambda _: graph, architecture)
    return texts


Region = Callable[[Sequence[ServiceDeployment]], str]


def _regions() -> dict[str, tuple[Region, ...]]:
    """Return the writers of each file's regions, in the order of the file."""
    kubernetes = "deploy/kubernetes/"
    return {
        "docker-compose.yml": (
            _lines("      {host}: {{ condition: service_healthy }}"),
            _blocks("compose.yml"),
        ),
        "docker-compose.small.yml": (
            _lines(
                "  {host}: {{ deploy: {{ resources: "
                "{{ limits: {{ memory: {small_memory_mib}M }} }} }} }}"
            ),
        ),
        "docker-compose.gpu.yml": (_blocks("compose-gpu.yml", lambda each: each.deployment.gpu),),
        "docker-compose.orchestrator.yml": (_lines("      TRYON_{variable}_ENGINE:"),),
        "deploy/swarm/stack.yml": (_blocks("swarm.yml"),),
        f"{kubernetes}base/kustomization.yaml": (
            _lines("  - {host}.yaml"),
            _lines("  - {{name: tryon/{host}, newTag: {version}}}"),
        ),
        f"{kubernetes}components/autoscale-cpu/autoscalers.yaml": (
            _autoscalers("kubernetes-autoscale-cpu.yaml"),
        ),
        f"{kubernetes}components/autoscale-queue/autoscalers.yaml": (
            _autoscalers("kubernetes-autoscale-queue.yaml"),
        ),
    }


def _lines(form: str) -> Region:
    return lambda found: "".join(form.format(**each.values) + "\n" for each in found)


def _blocks(template: str, wanted: Callable[[ServiceDeployment], bool] = lambda _: True) -> Region:
    return lambda found: "\n".join(_fill(template, each.values) for each in found if wanted(each))


def _autoscalers(template: str) -> Region:
    def documents(found: Sequence[ServiceDeployment]) -> Iterator[str]:
        for each in found:
            pods = each.deployment.kubernetes.pods
            if pods:
                yield _fill(template, each.values | {"least": pods.least, "most": pods.most})

    return lambda found: "".join(documents(found))


def _kubernetes(service: ServiceDeployment) -> str:
    awaited = service.deployment.awaited_weights
    present = " && ".join(f"[ -s /weights/{file} ]" for file in awaited)
    values = service.values | {"files_present": present}
    return _fill(
        "kubernetes.yaml",
        values
        | {
            "weights_label": "    tryon/weights: needed\n" if awaited else "",
            "await_weights": _fill("kubernetes-await-weights.yaml", values) if awaited else "",
        },
    )


def _fill(template: str, values: dict[str, object]) -> str:
    return _Template((TEMPLATES / template).read_text(encoding="utf-8")).substitute(values)


def stale() -> list[Path]:
    """List the files that differ from the required text."""
    return [
        path.relative_to(ROOT)
        for path, text in render().items()
        if not path.is_file() or path.read_text(encoding="utf-8") != text
    ]


def main() -> None:
    """Write the files, or with ``--check`` only list those that differ."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail on a difference")
    different = stale()
    if parser.parse_args().check:
        sys.exit("\n".join(f"{path} is not up to date" for path in different) or 0)
    texts = render()
    for path in different:
        (ROOT / path).write_text(texts[ROOT / path], encoding="utf-8")
        print(f"wrote {path}")
    for file in limits.MACHINES_MIB:
        room = limits.measure_room(file)
        print(f"{file}: the limits leave {room.cores:g} cores and {room.memory_mib} MiB")


if __name__ == "__main__":
    main()
