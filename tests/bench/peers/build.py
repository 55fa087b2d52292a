#!/usr/bin/env python3
"""Builds what rules are compared with, by the package clients of their languages.

    build.py NAME FOLDER        NAME: zen, drools, cel

Prints the command that runs the peer, as JSON. Exit 1 with the reason when it
cannot be built here: without the tool, or without the packages.
"""
import json
import os
import pathlib
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent


def run(command, folder, **environment):
    if shutil.which(command[0]) is None:
        sys.exit(f"{command[0]} is not installed")
    out = subprocess.run([str(c) for c in command], cwd=folder, stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT, text=True, env={**os.environ, **environment})
    if out.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}: {out.stdout.strip()[-400:]}")


def copy(name, folder):
    """The sources, where a build may write beside them."""
    target = folder / name
    shutil.copytree(HERE / name, target, dirs_exist_ok=True)
    return target


def zen(folder):
    source = copy("zen", folder)
    run(["cargo", "build", "--quiet", "--release"], source, CARGO_TARGET_DIR=str(source / "target"))
    return [source / "target" / "release" / "weft-bench-zen"]


def drools(folder):
    source = copy("drools", folder)
    run(["mvn", "-q", "-B", "package"], source)
    return ["java", "-cp", f"{source}/target/drools-1.jar:{source}/target/lib/*", "Tables"]


def cel(folder):
    source = copy("cel", folder)
    run(["go", "mod", "tidy"], source)
    run(["go", "build", "-o", "cel", "."], source)
    return [source / "cel"]


def main():
    peers = {"zen": zen, "drools": drools, "cel": cel}
    if len(sys.argv) != 3 or sys.argv[1] not in peers:
        sys.exit(__doc__)
    folder = pathlib.Path(sys.argv[2]).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    print(json.dumps([str(part) for part in peers[sys.argv[1]](folder)]))


if __name__ == "__main__":
    main()
