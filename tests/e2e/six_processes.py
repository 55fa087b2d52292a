#!/usr/bin/env python3
"""The mesh as processes of their own on a real Kafka.

    tools/kafka/broker run six_processes.py SOURCE_DIR BIN_DIR [six|spread]

`six`: one process a room, with the files of deploy/config and ports of their own from
the environment. `spread`: two replicas of pricing, and two shards of
inventory-projection, each in a process of its own.

In both, README's quick start runs as it stands; then a second tenant comes beside the
first and sees nothing of it, the mesh is stopped, started again, and goes on.
"""
import hashlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

import operators
import quick_start
import watches
from quick_start import BIN, SOURCE, ask

sys.path.insert(0, str(pathlib.Path(SOURCE) / "tools/kafka"))
from cluster import free_port  # noqa: E402

KAFKA = os.environ["WEFT_KAFKA"]
ROOMS = ["pricing", "inventory-projection", "erp-connector", "approval", "reorder", "gateway"]
# How often a room stands, by layout; each is a shard, or a replica of pricing.
LAYOUTS = {"six": {}, "spread": {"pricing": 2, "inventory-projection": 2}}
WAIT_SECONDS = 240


def partition(tenant):
    return int.from_bytes(hashlib.sha256(tenant.encode()).digest()[:4], "big") % 64


# A second tenant that is the other shard's where there are two.
OTHER = next(name for name in map("other{}".format, range(100))
             if partition(name) % 2 != partition("demo") % 2)
CONNECTIONS = [
    {"name": "demo", "tenant": "demo", "takes_orders": True, "create_topic_in": True},
    {"name": OTHER, "tenant": OTHER, "takes_orders": True, "create_topic_in": True},
]


def wait_until(what, check, seconds=WAIT_SECONDS):
    """Asks until it is so; what the mesh says decides, not how long it took."""
    deadline = time.monotonic() + seconds
    while True:
        found = check()
        if found:
            return found
        if time.monotonic() > deadline:
            sys.exit(f"not within {seconds} s: {what}")
        time.sleep(0.05)


def fetch(url):
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError:
        return 0, ""


class Process:
    """One process of one room."""

    def __init__(self, mesh, room, number):
        self.mesh, self.room, self.number = mesh, room, number
        self.name = f"{room}-{number}"
        self.grpc, self.health, self.admin, self.http = (free_port() for _ in range(4))
        self.log = mesh.folder / f"{self.name}.log"
        self.process, self.shards = None, None

    def target(self):
        return f"127.0.0.1:{self.grpc}"

    def start(self):
        service = {
            "GRPC_ADDRESS": self.target(),
            "HEALTH_ADDRESS": f"127.0.0.1:{self.health}",
            "ADMIN_ADDRESS": f"127.0.0.1:{self.admin}",
            "DATA_DIR": self.mesh.folder / self.name,
            "MAC_KEY_FILE": self.mesh.folder / "keys/mac.key",
            "IDENTITY__ROOM_KEY_FILE": self.mesh.folder / "keys/rooms.pem",
            "IDENTITY__OPEN_LOOPBACK": "true",
            "ROOMS": json.dumps(self.mesh.targets()),
            "DRAIN_PAUSE": "0s",
        }
        if self.mesh.count("pricing") > 1:
            service["OWNERS"] = json.dumps({"pricing": self.mesh.of("pricing")[0].target()})
        if self.room != "gateway":
            service["EVENT_LOG__KAFKA__BOOTSTRAP_SERVERS"] = KAFKA
        count = self.mesh.count(self.room)
        if count > 1 and self.room != "pricing":
            service["SHARDS"] = count
            service["OWNED_SHARDS"] = f"[{self.number}]"
        if self.shards is not None:
            service["SHARDS"] = self.shards
        environment = {"WEFT_SERVICE__" + name: str(value) for name, value in service.items()}
        if self.room == "gateway":
            environment["WEFT_ROOM__ADDRESS"] = "127.0.0.1"
            environment["WEFT_ROOM__PORT"] = str(self.http)
        if self.room == "pricing":
            # Every replica answers; documents have one owner.
            environment["WEFT_ROOM__DOCUMENTS_OWNER"] = "true" if self.number == 0 else "false"
        if self.room == "erp-connector":
            environment["WEFT_ROOM__CONNECTIONS"] = json.dumps(CONNECTIONS)
        kept = {k: v for k, v in os.environ.items() if not k.startswith("WEFT_")}
        with open(self.log, "a", encoding="utf-8") as log:
            self.process = subprocess.Popen(
                [BIN / f"weft-{self.room}",
                 f"--config={SOURCE}/deploy/config/{self.room}.yaml"],
                stdout=log, stderr=log, env={**kept, **environment})

    def admin_text(self, path):
        return fetch(f"http://127.0.0.1:{self.admin}{path}")

    def ready(self):
        if self.process.poll() is not None:
            sys.exit(f"{self.name} ended with {self.process.returncode}:\n{self.tail()}")
        return self.admin_text("/readyz")[0] == 200

    def tail(self):
        return self.log.read_text(encoding="utf-8")[-4000:]

    def lag(self):
        """Records of the log that the process has not applied, as its metric says."""
        _, text = self.admin_text("/metrics")
        return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines()
                   if line.startswith("weft_kafka_consumer_lag_records{"))

    def stop(self):
        self.process.send_signal(signal.SIGTERM)

    def ended(self):
        code = self.process.wait(timeout=WAIT_SECONDS)
        assert code == 0, f"{self.name} stopped with {code}:\n{self.tail()}"


class Mesh:
    def __init__(self, folder, layout):
        self.folder, self.layout = pathlib.Path(folder), LAYOUTS[layout]
        self.processes = [Process(self, room, number) for room in ROOMS
                          for number in range(self.count(room))]
        gateway, approval = self.of("gateway")[0], self.of("approval")[0]
        self.rest = f"http://127.0.0.1:{gateway.http}"
        self.admin = f"http://127.0.0.1:{approval.admin}"
        self.player = None

    def count(self, room):
        return self.layout.get(room, 1)

    def of(self, room):
        return [process for process in self.processes if process.room == room]

    def targets(self):
        return {room: ",".join(process.target() for process in self.of(room))
                for room in ROOMS if room != "gateway"}

    def start(self):
        for process in self.processes:
            process.start()
        wait_until("every process is ready", lambda: all([p.ready() for p in self.processes]))

    def settle(self):
        """Until every room has applied all there is."""
        wait_until("the rooms have caught up",
                   lambda: all(p.lag() == 0 for p in self.processes if p.room != "gateway"))

    def feed(self):
        feed = self.folder / "feed.ndjson"
        with open(feed, "w", encoding="utf-8") as out:
            subprocess.run([BIN / "weft-demo-feed",
                            SOURCE / "tests/data/online-retail/online-retail.csv.xz"],
                           stdout=out, check=True)
        done = subprocess.run([BIN / "weft", "erp", "send", feed, "-c", "demo", "--server",
                               self.rest], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-3000:]
        self.settle()
        # The feed ends with the end of the load; before it there are no prices.
        wait_until("pricing has the whole feed", self.has_prices)

    def has_prices(self):
        lines = {"account": "17850", "lines": [{"sku": "85123A", "quantity": {"value": "1"}}]}
        # Each replica has its turn.
        return all("unitPrice" in json.dumps(ask(self, "/v1/prices:calculate", lines)[1])
                   for _ in self.of("pricing"))

    def play_erp(self):
        log = open(self.folder / "player.log", "a", encoding="utf-8")
        self.player = subprocess.Popen(
            [BIN / "weft-demo-player", "--kafka", KAFKA, "--server", self.rest],
            stdout=log, stderr=log)

    def stop(self):
        if self.player is not None:
            self.player.send_signal(signal.SIGTERM)
            assert self.player.wait(timeout=60) == 0
            self.player = None
        for process in self.processes:
            process.stop()
        for process in self.processes:
            process.ended()

    def kill(self):
        for process in [p.process for p in self.processes] + [self.player]:
            if process is not None and process.poll() is None:
                process.kill()
                process.wait()

    def token(self, tenant):
        """An operator's token of another tenant, signed with the installation's key."""
        return subprocess.run(
            [BIN / "weft", "token", "--key", self.folder / "keys/rooms.pem", "--tenant", tenant,
             "--role", "rep", "sales-manager", "pricing-manager", "erp-admin", "auditor",
             "--user", "eve", "--accounts", "*", "--channels", "*"],
            capture_output=True, text=True, check=True).stdout.strip()


# What a second tenant may ask; each answer must hold nothing of the first.
LISTS = ["/v1/orders", "/v1/quotes", "/v1/approvals", "/v1/suggestions?account=14911",
         "/v1/schedules?account=17850", "/v1/proposals?account=17850", "/v1/erp/connections",
         "/v1/erp/parked", "/v1/erp/exports", "/v1/erp/loads?connection=demo",
         "/v1/erp/unresolved?connection=demo", "/v1/items/85123A/timeline"]
TRACES = ["85123A", "17850", "buyer-", "approver-", "PO-1001", "WH1", "2.95", "2.55"]


def second_tenants_messages():
    """A small ERP of its own: the first tenant's item, at another price and place."""
    when = "2026-01-05T08:00:00Z"

    def message(kind, key, data):
        return {"type": kind, "id": f"{kind}-{key}", "changedAt": when, "data": data}

    return [
        message("load.begin", "o", {"load": "o", "entities": ["location", "item", "price-book",
                                                              "price", "account"]}),
        message("location", "E", {"location": "ELSEWHERE", "name": "Elsewhere", "priority": 1}),
        message("item", "1", {"sku": "85123A", "name": "Another thing", "baseUnit": "EA"}),
        message("price-book", "L", {"book": "LIST", "name": "List", "currencyCode": "GBP"}),
        message("price", "1", {"book": "LIST", "sku": "85123A", "entry": "1",
                               "tiers": [{"minimumQuantity": 1, "price": "99.00"}]}),
        message("account", "A-1", {"account": "A-1", "name": "A", "currencyCode": "GBP"}),
        message("stock.count", "1", {"sku": "85123A", "location": "ELSEWHERE", "onHand": 7,
                                     "safety": 0, "watermark": when}),
        message("load.end", "o", {"load": "o"}),
    ]


def check_second_tenant(mesh, order):
    headers = {"Authorization": "Bearer " + mesh.token(OTHER)}

    def own(path, body=None, key=None):
        extra = {"Idempotency-Key": key} if key else {}
        return ask(mesh, path, body, headers={**headers, **extra})

    for path in LISTS:
        status, answer = own(path)
        asked = path.split("?")[0]
        text = json.dumps(answer).replace(asked, "")
        # An error may repeat what was asked, and nothing else.
        found = [trace for trace in TRACES if trace in text and trace not in path]
        assert not found and status in (200, 400, 404), (path, status, answer)
        if status == 200:
            rows = [row for value in answer.values() if isinstance(value, list) for row in value]
            assert all(row.get("name", "").endswith(OTHER) for row in rows), (path, answer)
    status, answer = own(f"/v1/{order['name']}")
    assert status == 404, (status, answer)
    line = {"sku": "85123A", "quantity": {"value": "1"}}
    status, answer = own("/v1/prices:calculate", {"account": "17850", "lines": [line]})
    assert status == 404 or "unitPrice" not in json.dumps(answer), answer
    status, answer = own("/v1/availability:query", {"lines": [line]})
    assert "WH1" not in json.dumps(answer) and "WH2" not in json.dumps(answer), answer

    # It gets an item of the same number, with a price and a stock of its own.
    messages = [json.dumps(message) for message in second_tenants_messages()]
    status, answer = own(f"/v1/erp/{OTHER}:ingest", {"text": "\n".join(messages)}, "other-1")
    assert status == 200, answer
    asked = {"account": "A-1", "channel": "web", "currencyCode": "GBP", "lines": [line]}
    own_price = wait_until("the second tenant's price is there", lambda: own(
        "/v1/prices:calculate", asked)[1].get("lines", [{}])[0].get("unitPrice"), 60)
    assert own_price["amount"] == "99.00", own_price
    status, answer = ask(mesh, "/v1/prices:calculate", {"account": "17850", "lines": [line]})
    assert answer["lines"][0]["unitPrice"]["amount"] == "2.95", answer
    wait_until("the second tenant's stock is there", lambda: "ELSEWHERE" in json.dumps(
        own("/v1/availability:query", {"lines": [line]})), 60)
    status, answer = ask(mesh, "/v1/availability:query", {"lines": [line]})
    assert "ELSEWHERE" not in json.dumps(answer), answer
    # A thing of the other's connection is not there for the first one either.
    status, answer = ask(mesh, f"/v1/erp/{OTHER}:ingest", {"text": messages[0]},
                         headers={"Idempotency-Key": "not-mine"})
    assert status == 404, (status, answer)


def check_streams(mesh, order, round_name):
    headers = {"Authorization": "Bearer " + mesh.token(OTHER)}
    watches.check_watches(mesh, order, OTHER, headers, round_name, ask, wait_until)


def check_operators(mesh, layout):
    operators.check_log(mesh, BIN, wait_until)
    operators.check_reload(mesh, wait_until)
    if layout == "six":
        operators.check_state(mesh, BIN, KAFKA, wait_until)


def check_replicas_say_the_same(mesh, round_name):
    """At one position the same bytes, whatever they have been through."""
    message = {"type": "item", "id": f"item-{round_name}", "changedAt": "2026-01-07T08:00:00Z",
               "data": {"sku": f"SAME-{round_name}", "name": "Same", "baseUnit": "EA"}}
    # The last thing that is written: who has it has everything.
    token = ingest(mesh, json.dumps(message), f"same-{round_name}")
    lines = [{"sku": "85123A", "quantity": {"value": str(quantity)}} for quantity in (1, 32, 600)]
    body = {"account": "17850", "asOf": "2030-01-01T00:00:00Z", "after": token, "lines": lines}
    answers = [ask(mesh, "/v1/prices:calculate", body) for _ in range(4 * mesh.count("pricing"))]
    assert all(status == 200 for status, _ in answers), answers
    assert len({json.dumps(answer, sort_keys=True) for _, answer in answers}) == 1, answers


def check_replicas(mesh):
    """The same, and each one waits for own writes."""
    check_replicas_say_the_same(mesh, "restart")
    replicas = mesh.count("pricing")
    lines = [{"sku": "85123A", "quantity": {"value": "1"}}]
    for round_number in range(5):
        price = f"{3 + round_number}.25"
        message = {"type": "price", "id": f"price-round-{round_number}",
                   "changedAt": f"2040-01-01T00:00:0{round_number}Z",
                   "data": {"book": "LIST", "sku": "85123A", "entry": "1",
                            "tiers": [{"minimumQuantity": 1, "price": price}]}}
        token = ingest(mesh, json.dumps(message), f"round-{round_number}")
        asked = {"account": "17850", "after": token, "lines": lines[:1]}
        for _ in range(2 * replicas):
            status, answer = ask(mesh, "/v1/prices:calculate", asked)
            assert status == 200 and answer["lines"][0]["unitPrice"]["amount"] == price, answer


def ingest(mesh, text, key):
    """Sends messages to the ERP's door; the token of what they became."""
    request = urllib.request.Request(
        mesh.rest + "/v1/erp/demo:ingest", data=json.dumps({"text": text}).encode(),
        headers={"content-type": "application/json", "Idempotency-Key": key})
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert answer.status == 200, answer.read()
        return answer.headers["Weft-Token"]


def main():
    layout = sys.argv[3] if len(sys.argv) > 3 else "six"
    with tempfile.TemporaryDirectory() as folder:
        mesh = Mesh(folder, layout)
        try:
            mesh.start()
            mesh.feed()
            mesh.play_erp()
            order = quick_start.check_quick_start(mesh)
            check_second_tenant(mesh, order)
            check_streams(mesh, order, "first")
            mesh.stop()
            mesh.start()
            quick_start.check_restart(mesh, order)
            check_second_tenant(mesh, order)
            check_streams(mesh, order, "second")
            check_replicas(mesh)
            check_operators(mesh, layout)
            check_replicas_say_the_same(mesh, "operators")
            mesh.stop()
        except BaseException:
            for process in mesh.processes:
                if process.log.exists():
                    print(f"--- {process.name}\n{process.tail()}", file=sys.stderr)
            raise
        finally:
            mesh.kill()
    print(f"{layout}: the quick start works in processes of their own on Kafka")


if __name__ == "__main__":
    main()
