"""``docker compose`` for tests: this checkout's files as a project of its own."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any, Final

import docker
from docker.models.containers import Container

ROOT: Final = Path(__file__).resolve().parents[3]


class Compose:
    """Runs ``docker compose`` for one project, with ``environment`` in place of ``TRYON_*``."""

    def __init__(self, project: str, *files: str | Path, **environment: str) -> None:
        self.project = project
        named = [part for file in files for part in ("--file", str(file))]
        self._command = ["docker", "compose", "--project-name", project, *named]
        kept = {name: value for name, value in os.environ.items() if name[:6] != "TRYON_"}
        self._given = environment
        self._environment = kept | environment

    def __call__(self, *arguments: str, seconds: float = 180) -> str:
        """Run a command and give what it prints; an AssertionError with all of it if it fails."""
        done = subprocess.run(  # noqa: S603 - our own command line
            [*self._command, *arguments],
            cwd=ROOT,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def over(self, file: Path) -> "Compose":
        """Give the same project with a file laid over it."""
        return Compose(self.project, "docker-compose.yml", file, **self._given)

    @property
    def url(self) -> str:
        """Where the system is served, without a slash at the end."""
        return f"http://127.0.0.1:{self._environment['TRYON_PORT']}"

    def config(self) -> dict[str, Any]:
        """Give the whole configuration, as compose understands it."""
        config: dict[str, Any] = json.loads(self("config", "--format", "json"))
        return config

    def containers(self, service: str) -> list[Container]:
        """List a service's containers, running or not, by their number."""
        labels = [
            f"com.docker.compose.project={self.project}",
            f"com.docker.compose.service={service}",
        ]
        found = docker.from_env().containers.list(all=True, filters={"label": labels})
        return sorted(
            found, key=lambda each: int(each.labels["com.docker.compose.container-number"])
        )
