#!/usr/bin/env python3
"""Kills the whole mesh under load, again and again, and looks for what broke.

    kill_test.py --weftd BIN --log-check BIN [--kills 50] [--seconds 220] [--seed N]

Callers reserve, confirm, release and order through REST, each request with an
idempotency key. At random moments the process gets SIGKILL and is started again.
What a caller was not told, it asks again under the same key. In the end:

  1. every answer that was given is given again, the same, under its key;
  2. what is reserved is exactly what the known reservations hold: nothing lost,
     nothing twice, never more than there is;
  3. every accepted order is there, once, and comes to rest;
  4. events in the log are numbered without gaps, repeats are equal (log check).

Prints the seed; exit 1 and what is wrong otherwise.
"""
import argparse
import http.client
import json
import os
import queue
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

SKUS = [f"K{i}" for i in range(6)]
ON_HAND = 100_000
CALLERS = 8
# For what never comes, not for what is slow.
FURNISH_SECONDS = 240
# States of an order that nothing inside the mesh still moves; the ERP is nobody here.
AT_REST = {"SENT", "REJECTED", "CANCELLED", "FAILED", "PENDING_APPROVAL"}
HELD = {"HELD", "CONFIRMED"}


class Weftd:
    """The process under test; its port changes with every life."""

    def __init__(self, binary, folder):
        self.binary, self.folder = binary, folder
        self.process, self.port, self.lives = None, None, 0
        self.config = os.path.join(folder, "config.yaml")
        with open(self.config, "w", encoding="utf-8") as out:
            out.write("service:\n  health_address: 127.0.0.1:0\n  admin_address: 127.0.0.1:0\n")

    def start(self):
        self.lives += 1
        log = open(os.path.join(self.folder, f"life{self.lives}.log"), "wb")
        self.process = subprocess.Popen(
            [self.binary, "--data", os.path.join(self.folder, "data"), "--port", "0",
             "--config", self.config],
            stdout=log, stderr=subprocess.PIPE)
        up = queue.Queue()
        threading.Thread(target=self._read, args=(self.process.stderr, log, up),
                         daemon=True).start()
        try:
            self.port = up.get(timeout=60)
        except queue.Empty:
            self.port = None
        if self.port is None:
            raise RuntimeError(f"life {self.lives} does not come up, see life{self.lives}.log")

    @staticmethod
    def _read(pipe, log, up):
        for line in pipe:
            log.write(line)
            log.flush()
            found = re.search(rb"REST\s+http://127\.0\.0\.1:(\d+)", line)
            if found:
                up.put(int(found.group(1)))
        up.put(None)
        pipe.close()
        log.close()

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=60)


class Caller:
    """One connection; it breaks when the process dies."""

    def __init__(self, weftd):
        self.weftd, self.port, self.connection = weftd, None, None

    def call(self, method, path, body=None, key=None):
        """(status, answer) or None when the fate is unknown."""
        try:
            if self.connection is None or self.port != self.weftd.port:
                self.port = self.weftd.port
                self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
            headers = {"Content-Type": "application/json"}
            if key:
                headers["Idempotency-Key"] = key
            self.connection.request(method, path, None if body is None else json.dumps(body),
                                    headers)
            response = self.connection.getresponse()
            text = response.read()
            return response.status, json.loads(text) if text else {}
        except (OSError, http.client.HTTPException, ValueError):
            self.connection = None
            return None


def undecided(result):
    return result is None or result[0] in (409, 429, 499) or result[0] >= 500


class Test:
    def __init__(self, arguments):
        self.arguments = arguments
        self.random = random.Random(arguments.seed)
        self.folder = tempfile.mkdtemp(prefix="weft-kill-")
        self.weftd = Weftd(arguments.weftd, self.folder)
        self.lock = threading.Lock()
        self.answers = {}       # key -> (path, body, answer): told for good.
        self.reservations = {}  # name -> sku
        self.orders = {}        # name -> external order id
        self.problems = []
        self.running = True
        self.tag = ""  # In front of all keys.

    def problem(self, text):
        with self.lock:
            if len(self.problems) < 20:
                self.problems.append(text)

    # --- the world ---

    def furnish(self):
        messages = [
            {"type": "load.begin", "id": "lb", "data": {"load": "L", "entities": [
                "item", "account", "location", "stock.count", "price-book", "price", "user"]}},
            {"type": "location", "id": "loc", "data": {"location": "MAIN", "priority": 1}},
            {"type": "account", "id": "acc", "data": {"account": "A1", "currencyCode": "GBP"}},
            {"type": "user", "id": "u1", "data": {"user": "ann", "account": "A1",
                                                  "roles": [{"role": "buyer"}]}},
            {"type": "price-book", "id": "pb", "data": {"book": "LIST", "currencyCode": "GBP"}},
        ]
        for sku in SKUS:
            messages += [
                {"type": "item", "id": f"i{sku}", "data": {"sku": sku, "baseUnit": "EA"}},
                {"type": "price", "id": f"p{sku}", "data": {
                    "book": "LIST", "sku": sku, "tiers": [{"minimumQuantity": 1, "price": "2.50"}]}},
                {"type": "stock.count", "id": f"s{sku}", "data": {
                    "sku": sku, "location": "MAIN", "onHand": ON_HAND,
                    "watermark": "2026-01-01T00:00:00Z"}},
            ]
        messages.append({"type": "load.end", "id": "le", "data": {"load": "L"}})
        caller = Caller(self.weftd)
        deadline = time.monotonic() + FURNISH_SECONDS
        result = None
        while undecided(result) and time.monotonic() < deadline:
            result = caller.call("POST", "/v1/erp/demo:ingest",
                                 {"text": "\n".join(json.dumps(m) for m in messages)}, "furnish")
        if undecided(result) or result[0] != 200:
            raise RuntimeError(f"the ERP's first messages are refused: {result}")
        while time.monotonic() < deadline:
            parked = caller.call("GET", "/v1/erp/parked")
            if parked and parked[1].get("messages"):
                raise RuntimeError(f"the ERP's first messages are parked: {parked[1]}")
            result = caller.call("POST", "/v1/availability:query",
                                 {"lines": [{"sku": sku} for sku in SKUS]})
            if result and result[0] == 200 and all(
                    line.get("onHand") == str(ON_HAND) for line in result[1].get("lines", [])):
                return
            time.sleep(0.05)
        raise RuntimeError(f"the stock does not arrive: {result}")

    # --- the load ---

    def call_until_decided(self, caller, method, path, body, key):
        while True:
            result = caller.call(method, path, body, key)
            if not undecided(result):
                return result
            if not self.running and result is not None and time.monotonic() > self.give_up:
                self.problem(f"{path} {key} is not decided: {result}")
                return result
            time.sleep(0.02)

    def work(self, number):
        rng = random.Random(self.arguments.seed * 1000 + number)
        caller = Caller(self.weftd)
        mine = []
        count = 0
        while self.running:
            count += 1
            key = f"{self.tag}w{number}-{count}"
            sku = rng.choice(SKUS)
            choice = rng.random()
            if choice < 0.5 or not mine:
                path = "/v1/reservations"
                body = {"account": "A1", "expireTime": time.strftime(
                    "%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600)),
                        "lines": [{"sku": sku, "quantity": {"value": str(rng.randint(1, 5))}}]}
            elif choice < 0.75:
                # One verb each: what changes nothing is decided anew when repeated.
                path = "/v1/" + mine.pop(rng.randrange(len(mine))) + rng.choice(
                    [":confirm", ":release"])
                body = {}
            else:
                path = "/v1/orders"
                body = {"account": "A1", "user": "ann", "externalOrderId": key,
                        "lines": [{"sku": sku, "quantity": {"value": str(rng.randint(1, 5))}}]}
            result = self.call_until_decided(caller, "POST", path, body, key)
            if result is None or result[0] != 200:
                self.refused(path, key, result)
                continue
            with self.lock:
                self.answers[key] = (path, body, result[1])
                if path == "/v1/reservations":
                    self.reservations[result[1]["name"]] = sku
                if path == "/v1/orders":
                    self.orders[result[1]["name"]] = key
            if path == "/v1/reservations":
                mine = (mine + [result[1]["name"]])[-20:]

    def refused(self, path, key, result):
        if path in ("/v1/reservations", "/v1/orders"):
            self.problem(f"{path} {key} is refused: {result}")

    def ask_again(self, keys, caller):
        for key in keys:
            path, body, answer = self.answers[key]
            result = self.call_until_decided(caller, "POST", path, body, key)
            if result is None or result[0] != 200:
                self.problem(f"{path} {key} was acknowledged and is now {result}")
            elif result[1] != answer:
                self.problem(f"{path} {key} answered {answer}, now {result[1]}")

    # --- the end ---

    def check(self):
        caller = Caller(self.weftd)
        self.give_up = time.monotonic() + 60
        with self.lock:
            keys = list(self.answers)
        self.random.shuffle(keys)
        self.ask_again(keys[:4000], caller)

        # Orders come to rest.
        orders = {}
        deadline = time.monotonic() + 90
        waiting = list(self.orders)
        while waiting and time.monotonic() < deadline:
            still = []
            for name in waiting:
                result = caller.call("GET", "/v1/" + name)
                state = result[1].get("state", "").replace("ORDER_STATE_", "") if result else ""
                if result and result[0] == 200 and state in AT_REST:
                    orders[name] = result[1]
                else:
                    still.append(name)
            waiting = still
            if waiting:
                time.sleep(0.2)
        for name in waiting[:5]:
            self.problem(f"{name} does not come to rest: {caller.call('GET', '/v1/' + name)}")
        if len(orders) != len(set(o["externalOrderId"] for o in orders.values())):
            self.problem("an order of a shop is there twice")

        # What is reserved is what the known reservations hold.
        expected = dict.fromkeys(SKUS, 0)
        names = list(self.reservations)
        for name, order in orders.items():
            if order.get("reservation"):
                names.append(order["reservation"])
        for name in names:
            result = caller.call("GET", "/v1/" + name)
            if result is None or result[0] != 200:
                self.problem(f"{name} was acknowledged and is gone: {result}")
                continue
            state = result[1]["state"].replace("RESERVATION_STATE_", "")
            for line in result[1]["lines"]:
                if state in HELD:
                    expected[line["sku"]] += sum(
                        int(a.get("heldQuantity", "0")) for a in line["allocations"])
        result = caller.call("POST", "/v1/availability:query",
                             {"lines": [{"sku": sku} for sku in SKUS]})
        for line in result[1]["lines"]:
            reserved = int(line.get("reserved", "0"))
            if reserved != expected[line["sku"]]:
                self.problem(f"{line['sku']}: {reserved} reserved, known reservations hold "
                             f"{expected[line['sku']]}")
            if reserved > ON_HAND:
                self.problem(f"{line['sku']} is promised twice")

    def run(self):
        started = time.monotonic()
        self.give_up = started + self.arguments.seconds + 120
        self.weftd.start()
        self.furnish()
        threads = [threading.Thread(target=self.work, args=(i,), daemon=True)
                   for i in range(CALLERS)]
        for thread in threads:
            thread.start()
        kills = 0
        caller = Caller(self.weftd)
        while kills < self.arguments.kills and \
                time.monotonic() - started < self.arguments.seconds and not self.problems:
            time.sleep(self.random.uniform(0.05, 1.0))
            self.weftd.kill()
            kills += 1
            self.weftd.start()
            with self.lock:
                sample = self.random.sample(list(self.answers), min(10, len(self.answers)))
            self.ask_again(sample, caller)
        self.running = False
        for thread in threads:
            thread.join(timeout=120)
        self.check()
        code = self.weftd.stop()
        if code != 0:
            self.problem(f"weftd ends with {code} on SIGTERM")
        log = subprocess.run([self.arguments.log_check, os.path.join(self.folder, "data", "log")],
                             capture_output=True, text=True, check=False)
        if log.returncode != 0:
            self.problem(f"log check: {log.stdout}{log.stderr}")
        print(f"{kills} kills in {time.monotonic() - started:.0f} s, {len(self.answers)} answers, "
              f"{len(self.reservations)} reservations, {len(self.orders)} orders; "
              f"{log.stdout.strip()}")
        if kills < min(self.arguments.kills, 10) and not self.problems:
            self.problem(f"only {kills} kills in the time given")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--weftd", required=True)
    parser.add_argument("--log-check", required=True)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seconds", type=int, default=150)
    parser.add_argument("--seed", type=int,
                        default=int(os.environ.get("WEFT_SEED", "0")) or time.time_ns() % 10**9)
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}", flush=True)
    test = Test(arguments)
    try:
        test.run()
    except Exception as error:  # The seed and the logs matter more than the trace.
        test.problem(f"{type(error).__name__}: {error}")
        if test.weftd.process and test.weftd.process.poll() is None:
            test.weftd.kill()
    if test.problems:
        print(f"WEFT_SEED={arguments.seed} failed; logs in {test.folder}")
        for problem in test.problems:
            print("  " + problem)
        return 1
    shutil.rmtree(test.folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
