#!/usr/bin/env python3
"""Breaks six processes on a real Kafka, and the Kafka, and looks for what was lost.

    faults.py --bin BIN_DIR [--seed N] [--long] [SCENARIO...]

Each scenario starts from nothing: brokers, six processes, a small business, callers
that reserve and order. It breaks something, and in the end every answer that was given
holds: nothing acknowledged is lost, nothing has its effect twice, numbers in the log
have no gap, an answer repeated under its key is the same, and never more is reserved
than there is.

Prints its seed. Exit 77: not run, because Java or Kafka's jars are not here.
"""
import argparse
import os
import pathlib
import shutil
import sys
import tempfile
import time
import traceback

import house as houses
import scenarios
from house import kafka

NOT_RUN = 77


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", required=True)
    parser.add_argument("--seed", type=int,
                        default=int(os.environ.get("WEFT_SEED", "0")) or time.time_ns() % 10**9)
    parser.add_argument("--long", action="store_true",
                        help="more kills, minutes without a broker")
    parser.add_argument("--keep", action="store_true", help="keep the folders")
    parser.add_argument("scenario", nargs="*", help=", ".join(scenarios.ALL))
    arguments = parser.parse_args()
    try:
        kafka.require()
    except kafka.NotHere as reason:
        print(f"NOT RUN: {reason}")
        return NOT_RUN
    failed = []
    for name in arguments.scenario or scenarios.SHORT:
        started = time.monotonic()
        folder = tempfile.mkdtemp(prefix="weft-faults-")
        print(f"{name}: seed {arguments.seed}", flush=True)
        with scenarios.World(folder, arguments) as world:
            try:
                summary = scenarios.ALL[name](world)
            except Exception as error:  # The seed and the logs matter more.
                summary = "broke off"
                world.problem(f"{type(error).__name__}: {error}")
                if not isinstance(error, houses.Broken):
                    traceback.print_exc()
            problems = world.problems()
            if problems:
                world.keep_logs()
        print(f"{name}: {'FAILED' if problems else 'ok'} in {time.monotonic() - started:.0f} s; "
              f"{summary}", flush=True)
        if problems:
            failed.append(name)
            print(f"  WEFT_SEED={arguments.seed}; logs in {folder}")
            for problem in problems:
                print("  " + problem, flush=True)
        elif not arguments.keep:
            shutil.rmtree(pathlib.Path(folder), ignore_errors=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
