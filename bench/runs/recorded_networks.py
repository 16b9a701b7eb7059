"""Record which networks a picture runs, on which inputs, and run each of them alone.

ONNX Runtime's session and LiteRT's interpreter are replaced by classes that note every run, before
any service loads its networks. So whatever a service loads is measured as it is used, with its
options. Use it in a process of its own.
"""

import json
import os
import statistics
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np

from bench.runs.operations import Operations, count_onnx, count_tflite

SERVICES: Final = "services."
"""Beginning of the names of the services' modules."""

KIT: Final = "services.kit."
"""Beginning of the names of the modules that services share."""

MB: Final = 1_000_000
"""Bytes of a megabyte."""


@dataclass(kw_only=True)
class RecordedNetwork:
    """A network on inputs of certain shapes."""

    service: str
    """The service that runs it."""
    file: str
    """Name of its file; its size if it came as bytes."""
    inputs: Mapping[str, Any]
    """Arrays of one run, by name."""
    run: Callable[[], object]
    """Runs it on these inputs."""
    count: Callable[[], Operations]
    """Counts what a run takes."""
    runs: Counter[str] = field(default_factory=Counter)
    """Runs of each picture, by the picture's name."""

    @property
    def shape(self) -> str:
        """The largest input's sizes."""
        largest = max(self.inputs.values(), key=lambda array: array.size)
        return " x ".join(map(str, largest.shape))

    def measure_seconds(self, rounds: int) -> float:
        """Run it alone ``rounds`` times after a run that does not count; return the median."""
        self.run()
        seconds = []
        for _ in range(rounds):
            started = time.perf_counter()
            self.run()
            seconds.append(time.perf_counter() - started)
        return statistics.median(seconds)


class Recording:
    """The networks that have run. ``picture`` names the picture that is made now, None none."""

    def __init__(self) -> None:
        self.picture: str | None = None
        self._networks: dict[tuple[object, ...], RecordedNetwork] = {}

    @property
    def networks(self) -> list[RecordedNetwork]:
        """What was recorded, in the order of the first run."""
        return list(self._networks.values())

    def note(
        self,
        model: Path | bytes,
        inputs: Mapping[str, Any],
        run: Callable[[Mapping[str, Any]], object],
        count: Callable[[Mapping[str, Any]], Operations],
    ) -> None:
        """Note a run of a network, if a picture is made now.

        ``run`` runs it again and ``count`` counts what that takes.
        """
        if self.picture is None:
            return
        service = _find_service()
        file = model.name if isinstance(model, Path) else f"{len(model) / MB:.1f} MB, LiteRT"
        key = (service, file, *(array.shape for array in inputs.values()))
        network = self._networks.get(key)
        if network is None:
            kept = {name: np.array(array) for name, array in inputs.items()}
            network = self._networks[key] = RecordedNetwork(
                service=service,
                file=file,
                inputs=kept,
                run=partial(run, kept),
                count=partial(count, kept),
            )
        network.runs[self.picture] += 1


def record_networks() -> Recording:
    """Begin to record, for the rest of this process. Call it before services are loaded."""
    recording = Recording()
    # It reports usage unless this is set when it is imported.
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    _record_onnx(recording)
    _record_tflite(recording)
    return recording


def _record_onnx(recording: Recording) -> None:
    import onnxruntime  # noqa: PLC0415 - its telemetry is switched off first

    original = onnxruntime.InferenceSession

    class RecordingSession(original):  # type: ignore[misc, valid-type]
        """A session whose runs are noted."""

        def __init__(self, model: Any, options: Any = None, *rest: Any, **named: Any) -> None:
            super().__init__(model, options, *rest, **named)
            self._model = model if isinstance(model, bytes) else Path(model)
            self._given = (model, options, rest, named)

        def run(self, outputs: Any, inputs: Mapping[str, Any], *rest: Any, **named: Any) -> Any:
            """Run, and note it."""
            run = partial(original.run, self, outputs)
            recording.note(self._model, inputs, run, self._count)
            return super().run(outputs, inputs, *rest, **named)

        def _count(self, inputs: Mapping[str, Any]) -> Operations:
            """Run once without what hides weights or pads channels, and count that."""
            model, options, rest, named = self._given
            options = options or onnxruntime.SessionOptions()
            if not options.enable_profiling:
                options.add_session_config_entry("session.disable_prepacking", "1")
            options.graph_optimization_level = (
                onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
            )
            options.enable_profiling = True
            with tempfile.TemporaryDirectory() as folder:
                options.profile_file_prefix = str(Path(folder) / "profile")
                session = original(model, options, *rest, **named)
                session.run(None, inputs)
                profile = Path(session.end_profiling())
                return count_onnx(json.loads(profile.read_text(encoding="utf-8")))

    onnxruntime.InferenceSession = RecordingSession


def _record_tflite(recording: Recording) -> None:
    from ai_edge_litert import interpreter as litert  # noqa: PLC0415 - as above

    original = litert.Interpreter

    class RecordingInterpreter(original):  # type: ignore[misc, valid-type]
        """An interpreter whose runs are noted."""

        def __init__(self, *rest: Any, **named: Any) -> None:
            super().__init__(*rest, **named)
            content = named.get("model_content")
            self._model = content or Path(named.get("model_path") or rest[0])
            self._given = (rest, named)

        def invoke(self) -> None:
            """Run, and note it."""
            inputs = {
                detail["name"]: self.get_tensor(detail["index"])
                for detail in self.get_input_details()
            }
            recording.note(self._model, inputs, self._run, self._count)
            super().invoke()

        def _run(self, inputs: Mapping[str, Any]) -> None:
            for detail in self.get_input_details():
                self.set_tensor(detail["index"], inputs[detail["name"]])
            original.invoke(self)

        def _count(self, _inputs: Mapping[str, Any]) -> Operations:
            """Count the operations of an interpreter without delegates, which hide them."""
            rest, named = self._given
            resolver = litert.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
            plain = original(*rest, **named, experimental_op_resolver_type=resolver)
            plain.allocate_tensors()
            # There is no public list of the operations.
            operations = plain._get_ops_details()  # noqa: SLF001
            return count_tflite(operations, plain.get_tensor_details())

    litert.Interpreter = RecordingInterpreter


def _find_service() -> str:
    """Return the service whose code called, by the innermost module that belongs to one."""
    for frame, _ in traceback.walk_stack(None):
        module = str(frame.f_globals.get("__name__", ""))
        if module.startswith(SERVICES) and not module.startswith(KIT):
            return module.split(".")[1]
    return ""
