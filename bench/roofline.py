"""Measure each network of a picture against what this machine can do: its roofline.

``.venv/bin/python bench/roofline.py [-n 5] [--json]``. Two pictures are made, of uploads of 768 x
1024 and of 192 x 256, and the networks that ran are run again, each alone. Products are those of
convolutions and matrix products. The bound of a network is the time of its products at the
machine's rate, or of its bytes, whichever is longer. Needs the package ``onnx``.
"""

import argparse
import asyncio
import json
import sys
from dataclasses import asdict

from bench.reports.tables import to_markdown
from bench.runs.ceilings import measure_ceilings
from bench.runs.recorded_networks import record_networks
from bench.sections.roofline import (
    make_ceilings_table,
    make_networks_table,
    make_pictures,
    measure_network,
)
from services.kit import logs
from services.kit.settings import get_settings


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-n", "--rounds", type=int, default=5, help="runs of each network")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    arguments = parser.parse_args()
    logs.configure(get_settings().model_copy(update={"log_level": "warning"}))
    recording = record_networks()
    asyncio.run(make_pictures(recording))
    ceilings = measure_ceilings()
    networks = [measure_network(network, arguments.rounds) for network in recording.networks]
    if arguments.json:
        figures = {"ceilings": asdict(ceilings), "networks": [asdict(each) for each in networks]}
        json.dump(figures, sys.stdout, indent=2)
        sys.stdout.write("\n")
        return
    for table in (make_ceilings_table(ceilings), make_networks_table(ceilings, networks)):
        print(f"{table.title}:\n\n{to_markdown(table)}")


if __name__ == "__main__":
    main()
