"""Build hook: generates Python code from ``protos/`` into ``generated/``, which git ignores.

By hand: ``python hatch_build.py``.
"""

import os
import shutil
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class ProtoBuildHook(BuildHookInterface):  # type: ignore[type-arg]
    """Runs protoc before a wheel or an editable install is made."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        """Generate the code of this checkout."""
        generate(Path(self.root))


def generate(root: Path) -> None:
    """Generate everything anew, so that a removed proto leaves nothing behind.

    Raises RuntimeError if a proto cannot be compiled.
    """
    from grpc_tools import protoc  # noqa: PLC0415 - only there while building

    protos, generated = root / "protos", root / "generated"
    shutil.rmtree(generated, ignore_errors=True)
    generated.mkdir()
    # An isolated build has its scripts on PATH, an install without isolation beside Python.
    scripts = os.pathsep.join([os.environ.get("PATH", ""), str(Path(sys.executable).parent)])
    include = Path(protoc.__file__).parent / "_proto"
    files = sorted(str(path.relative_to(protos)) for path in protos.rglob("*.proto"))
    arguments = [
        "protoc",
        f"-I{protos}",
        f"-I{include}",
        f"--python_out={generated}",
        f"--grpc_python_out={generated}",
        f"--mypy_out=quiet:{generated}",
        f"--mypy_grpc_out=quiet:{generated}",
        *(
            f"--plugin={name}={shutil.which(name, path=scripts)}"
            for name in ("protoc-gen-mypy", "protoc-gen-mypy_grpc")
        ),
        *files,
    ]
    if protoc.main(arguments) != 0:
        raise RuntimeError("protoc could not compile protos/; its message is above")
    for folder in {folder for file in files for folder in Path(file).parents[:-1]}:
        (generated / folder / "__init__.py").touch()


if __name__ == "__main__":
    generate(Path(__file__).resolve().parent)
