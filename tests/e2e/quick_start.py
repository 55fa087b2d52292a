#!/usr/bin/env python3
"""Runs README's quick start as it stands, against a mesh of its own.

    quick_start.py SOURCE_DIR BIN_DIR

Every command of the block must succeed; what it must show is checked below.
Then the mesh is stopped as Ctrl-C stops it, started again, and still knows the
order.
"""
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

SOURCE, BIN = (pathlib.Path(argument).resolve() for argument in sys.argv[1:3])
START_SECONDS = 120
CONFIG = """service:
  admin_address: 127.0.0.1:0
  health_address: 127.0.0.1:0
"""


class Mesh:
    """`weft up` in a folder of its own, on free ports."""

    def __init__(self, folder, demo):
        config = pathlib.Path(folder) / "mesh.yaml"
        config.write_text(CONFIG)
        self.log = open(pathlib.Path(folder) / "mesh.log", "a+")
        arguments = [BIN / "weft", "up", "--data", pathlib.Path(folder) / "data", "--port", "0",
                     "--config", config] + (["--demo"] if demo else [])
        self.process = subprocess.Popen(arguments, stderr=self.log, stdout=self.log)
        self.rest = self.wait_for(r"REST +(http://127\.0\.0\.1:\d+)/v1/")
        self.admin = self.wait_for(r"metrics +(http://127\.0\.0\.1:\d+)/metrics")
        if demo:
            self.wait_for(r"(demo: ready)")

    def output(self):
        self.log.flush()
        return pathlib.Path(self.log.name).read_text()

    def wait_for(self, pattern):
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            found = re.findall(pattern, self.output())
            if found:
                return found[-1]
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        sys.exit(f"the mesh never said {pattern!r}:\n{self.output()[-4000:]}")

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        code = self.process.wait(timeout=60)
        self.log.seek(0)
        self.log.truncate()
        assert code == 0, f"the mesh stopped with {code}"


def quick_start():
    readme = (SOURCE / "README.md").read_text()
    section = readme[readme.index("## Quick start"):readme.index("## The rooms")]
    return re.search(r"```sh\n(.*?)```", section, re.S).group(1)


def run_block(mesh, block):
    """Runs the block in one shell; returns what each command printed."""
    block = block.replace("http://127.0.0.1:8081", mesh.admin)
    block = block.replace("http://127.0.0.1:8080", mesh.rest)
    block = block.replace('$PWD/build/dev/bin', str(BIN))
    lines, commands = ["set -euo pipefail"], []
    for line in block.splitlines():
        if line.strip() and not line.startswith("#"):
            commands.append(line)
            lines.append(f"echo '@@{len(commands) - 1}'")
        lines.append(line)
    environment = dict(os.environ, WEFT_SERVER=mesh.rest)
    done = subprocess.run(["bash", "-c", "\n".join(lines)], capture_output=True, text=True,
                          env=environment, cwd=SOURCE, timeout=120)
    parts = re.split(r"@@(\d+)\n", done.stdout)
    shown = {commands[int(n)]: text for n, text in zip(parts[1::2], parts[2::2])}
    if done.returncode != 0:
        last = list(shown)[-1] if shown else "?"
        sys.exit(f"exit {done.returncode} at: {last}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
    return shown


def expect(shown, command, *texts):
    found = [output for line, output in shown.items() if command in line]
    assert found, f"README has no command with {command!r}"
    for text in texts:
        assert any(text in output for output in found), \
            f"{command!r} does not show {text!r}:\n{''.join(found)}"


def ask(mesh, path, body=None, method=None, headers=None):
    request = urllib.request.Request(mesh.rest + path, method=method,
                                     data=None if body is None else json.dumps(body).encode(),
                                     headers={"content-type": "application/json", **(headers or {})})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def check_quick_start(mesh):
    """Runs the README's block and what follows from it; returns the order."""
    shown = run_block(mesh, quick_start())
    expect(shown, "--quantity 1", "2.95")
    expect(shown, "--quantity 32", "2.55")
    expect(shown, "--quantity 600 --explain", "LIST")
    expect(shown, "weft stock", "WH1", "WH2")
    expect(shown, "--until pending_approval", "pending approval")
    expect(shown, "approval approve", "approved")
    expect(shown, "--until invoiced", "invoiced")
    expect(shown, "order reorder", "85123A", "added")
    expect(shown, "suggestion list", "bought", "days (median)")
    expect(shown, "document check", "passed")
    expect(shown, "document simulate", "equal", "changed")
    expect(shown, 'after "$published"', "2.397", "Pallet", "pricing.line-price")
    expect(shown, 'after "$returned"', "2.55")
    expect(shown, "/metrics", "weft_engine")
    expect(shown, "prices:calculate", '"unitPrice"', '"decisionId"')

    status, orders = ask(mesh, "/v1/orders?account=17850")
    assert status == 200 and len(orders["orders"]) == 1, orders
    order = orders["orders"][0]
    assert order["state"] == "ORDER_STATE_INVOICED", order["state"]
    assert order["lines"][0]["quantities"]["invoiced"] == "600"

    # A repeat of the same order is the same order; other content under its id is refused.
    same = {"account": "17850", "user": "buyer-17850", "channel": "web",
            "externalOrderId": "PO-1001",
            "lines": [{"sku": "85123A", "quantity": {"value": "600"}}]}
    other = dict(same, lines=[{"sku": "85123A", "quantity": {"value": "601"}}])
    status, again = ask(mesh, "/v1/orders", same, headers={"Idempotency-Key": "again-1"})
    assert (status, again.get("name")) == (200, order["name"]), (status, again)
    status, refused = ask(mesh, "/v1/orders", other, headers={"Idempotency-Key": "again-2"})
    assert refused["details"][0]["reason"] == "ORDER_ID_REUSED", (status, refused)
    return order


def check_restart(mesh, order):
    """A mesh that was stopped and started again goes on with the data."""
    status, kept = ask(mesh, f"/v1/{order['name']}")
    assert status == 200 and kept["state"] == "ORDER_STATE_INVOICED", kept
    status, prices = ask(mesh, "/v1/prices:calculate", {
        "account": "17850", "lines": [{"sku": "85123A", "quantity": {"value": "32"}}]})
    assert prices["lines"][0]["unitPrice"]["amount"] == "2.55", prices


def main():
    with tempfile.TemporaryDirectory() as folder:
        mesh = Mesh(folder, demo=True)
        try:
            order = check_quick_start(mesh)
            mesh.stop()
            mesh = Mesh(folder, demo=True)
            check_restart(mesh, order)
        finally:
            if mesh.process.poll() is None:
                mesh.stop()
    print("quick start: every command works, and a restart goes on with the data")


if __name__ == "__main__":
    main()
