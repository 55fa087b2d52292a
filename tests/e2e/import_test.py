#!/usr/bin/env python3
"""An import of a shop's tables, killed in the middle on either side and run again.

    import_test.py --weftd BIN --weft BIN --source DIR

Loads made-up tables three times into installations of their own: undisturbed; with `weft`
killed -9 under way; with `weftd` killed -9 under way. Each must end with the same prices,
the same stock and the same load. Then the same tables again load nothing, changed tables
load the change, and the tables before them are news again. Besides: the example tables of
tests/data, their preview, and a lock that is verified without a server.
"""
import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

ITEMS, ACCOUNTS = 1500, 50


class Weftd:
    def __init__(self, binary, folder):
        self.binary, self.folder, self.port = binary, folder, 0
        os.makedirs(folder, exist_ok=True)
        config = os.path.join(folder, "config.yaml")
        with open(config, "w", encoding="utf-8") as out:
            out.write("service:\n  health_address: 127.0.0.1:0\n  admin_address: 127.0.0.1:0\n"
                      )
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            [self.binary, "--data", os.path.join(self.folder, "data"), "--port",
             str(self.port), "--config", os.path.join(self.folder, "config.yaml")],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        seen = []
        for line in self.process.stderr:
            seen.append(line)
            found = re.search(r"REST\s+http://127\.0\.0\.1:(\d+)", line)
            if found:
                self.port = int(found.group(1))
                break
        else:
            raise RuntimeError("weftd does not come up:\n" + "".join(seen[-20:]))
        threading.Thread(target=self.process.stderr.read, daemon=True).start()

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            self.kill()


class Trial:
    def __init__(self, weft, weftd):
        self.weft, self.weftd = weft, weftd

    def command(self, *arguments):
        return [self.weft, *arguments, "--server", f"http://127.0.0.1:{self.weftd.port}"]

    def run(self, *arguments, exits=(0,)):
        done = subprocess.run(self.command(*arguments), capture_output=True, text=True,
                              timeout=120)
        if done.returncode not in exits:
            raise RuntimeError(f"weft {' '.join(arguments)}: exit {done.returncode}\n"
                               f"{done.stdout}\n{done.stderr}")
        return done

    def json(self, *arguments, exits=(0,)):
        return json.loads(self.run(*arguments, "-o", "json", exits=exits).stdout)

    def state(self):
        """What the mesh says of the shop: no token, no position, no time in it."""
        prices = []
        for account in range(0, ACCOUNTS, 7):
            lines = [f"I-{n}={5 * (n % 4) + 1}" for n in range(0, ITEMS, 13)]
            told = self.json("price", "calculate", *lines, "--account", f"C-{account}",
                             "--as-of", "2027-01-01T00:00:00Z", exits=(0, 4))
            prices += [(line["sku"], line["net"] and line["net"]["amount"],
                        (line.get("reason") or {}).get("reason")) for line in told["lines"]]
        stock = self.json("stock", *[f"I-{n}" for n in range(0, ITEMS, 97)])
        counts = [(line["sku"], line.get("available")) for line in stock["lines"]]
        return prices, counts

    def await_state(self, wanted):
        deadline = time.monotonic() + 60
        while (now := self.state()) != wanted:
            if time.monotonic() > deadline:
                differ = [(a, b) for a, b in zip(now[0], wanted[0]) if a != b][:5]
                raise RuntimeError(f"the end is another one: {differ}")
            time.sleep(0.2)

    def settled(self):
        """The state once it stands still with all prices in."""
        deadline = time.monotonic() + 60
        before = self.state()
        while True:
            time.sleep(0.5)
            now = self.state()
            if now == before and all(price[1] for price in now[0]):
                return now
            if time.monotonic() > deadline:
                raise RuntimeError(f"prices do not come: {[p for p in now[0] if not p[1]][:5]}")
            before = now


def make_tables(folder, price=10):
    os.makedirs(folder)

    def write(name, header, rows):
        path = os.path.join(folder, name)
        with open(path, "w", encoding="utf-8") as out:
            out.write(header + "\n")
            out.writelines(row + "\n" for row in rows)

    write("items.csv", "sku,base unit,category", (f"I-{n},EA,G{n % 9}" for n in range(ITEMS)))
    write("accounts.csv", "account,currency,groups",
          (f"C-{n},GBP,{'TRADE' if n % 2 else ''}" for n in range(ACCOUNTS)))
    write("prices.csv", "sku,currency,minimum,price",
          (f"I-{n},GBP,{tier},{price + n % 50}.{tier % 10}0" for n in range(ITEMS)
           for tier in (1, 10)))
    write("contracts.csv", "contract,account,sku,price,discount,currency",
          (f"K-{n},C-{n % ACCOUNTS},I-{n},{'' if n % 3 else '9.99'},{'7.5' if n % 3 else ''},GBP"
           for n in range(0, ITEMS, 2)))
    write("stock.csv", "sku,on hand,counted", (f"I-{n},{n},2026-01-01" for n in range(ITEMS)))


def messages(text):
    return int(re.search(r"messages (\d+)", text).group(1))


def begin(trial, folder):
    """Starts an import of small batches; returns once some of it is in."""
    process = subprocess.Popen(
        trial.command("import", folder, "-c", "demo", "--batch", "100", "--progress", "none"),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while True:
        loads = trial.call_loads()
        if loads and 300 <= int(loads[0].get("messages", "0")):
            return process
        if process.poll() is not None:
            out, err = process.communicate()
            raise RuntimeError(f"the import was over before it could be killed:\n{out}{err}")
        if time.monotonic() > deadline:
            raise RuntimeError("the import does not begin")


def call_loads(self):
    import http.client
    connection = http.client.HTTPConnection("127.0.0.1", self.weftd.port, timeout=30)
    connection.request("GET", "/v1/erp/loads?connection=demo")
    answer = json.loads(connection.getresponse().read())
    connection.close()
    return answer.get("loads", [])


Trial.call_loads = call_loads


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--weftd", required=True)
    parser.add_argument("--weft", required=True)
    parser.add_argument("--source", required=True)
    args = parser.parse_args()
    root = tempfile.mkdtemp(prefix="weft-import-")
    running = []

    def trial(name):
        weftd = Weftd(args.weftd, os.path.join(root, name))
        running.append(weftd)
        return Trial(args.weft, weftd)

    try:
        tables = os.path.join(root, "tables")
        make_tables(tables)

        plain = trial("plain")
        done = plain.run("import", tables, "-c", "demo", "--progress", "none")
        total = messages(done.stdout)
        wanted = plain.settled()
        loads = plain.call_loads()
        assert [one["state"] for one in loads] == ["LOAD_STATE_ENDED"], loads
        print(f"undisturbed: {total} messages, {len(wanted[0])} prices compared")

        again = plain.run("import", tables, "-c", "demo", "--progress", "none")
        assert "loaded already" in again.stderr, again.stderr
        changed = os.path.join(root, "changed")
        make_tables(changed, price=20)
        plain.run("import", changed, "-c", "demo", "--progress", "none")
        assert plain.settled() != wanted
        plain.run("import", tables, "-c", "demo", "--progress", "none")
        plain.await_state(wanted)
        assert len(plain.call_loads()) == 3
        print("again: nothing; changed: the change; back: as before")

        client = trial("client-killed")
        process = begin(client, tables)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        client.run("import", tables, "-c", "demo", "--progress", "none")
        client.await_state(wanted)
        assert [one["state"] for one in client.call_loads()] == ["LOAD_STATE_ENDED"]
        print("weft killed in the middle: the same end")

        server = trial("server-killed")
        process = begin(server, tables)
        server.weftd.kill()
        server.weftd.start()
        out, err = process.communicate(timeout=120)
        if process.returncode != 0:
            assert "resume:" in err, err
            server.run("import", tables, "-c", "demo", "--progress", "none")
        server.await_state(wanted)
        assert [one["state"] for one in server.call_loads()] == ["LOAD_STATE_ENDED"]
        print("weftd killed in the middle: the same end")

        stopped = trial("interrupted")
        process = begin(stopped, tables)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
        assert process.returncode == 130 and "resume:  weft import" in err, err
        resume = re.search(r"--skip (\d+)", err).group(1)
        stopped.run("import", tables, "-c", "demo", "--skip", resume, "--progress", "none")
        stopped.await_state(wanted)
        print(f"interrupted at {resume}: the same end")

        data = os.path.join(args.source, "tests", "data", "tables")
        report = client.json("import", os.path.join(data, "messy"), "--preview", exits=(4,))
        assert report["errors"] > 5 and any(f["code"] == "OVERLAP" for f in report["findings"])
        audit = subprocess.run([args.weft, "audit-invoices",
                                os.path.join(data, "clean", "invoices.csv")],
                               capture_output=True, text=True, timeout=60, check=False)
        assert audit.returncode == 4 and "charged too little: 49.00 GBP" in audit.stdout, audit

        lock = os.path.join(root, "lock.txt")
        client.run("price", "lock", "I-2=5", "--account", "C-2", "--out", lock)
        keys = os.path.join(root, "keys.json")
        with open(keys, "w", encoding="utf-8") as out:
            out.write(client.run("price", "lock-keys").stdout)
        client.weftd.stop()
        verify = [args.weft, "price", "verify-lock", lock, "--key", keys]
        held = subprocess.run(verify, capture_output=True, text=True, timeout=60, check=False)
        assert held.returncode == 0 and "the lock holds" in held.stdout, held
        other = subprocess.run([*verify, "--account", "C-3"], capture_output=True, text=True,
                               timeout=60, check=False)
        assert other.returncode == 4 and "LOCK_OTHER_ACCOUNT" in other.stdout, other
        print("tables looked through, invoices audited, a lock verified without a server")
    finally:
        for weftd in running:
            if weftd.process.poll() is None:
                weftd.stop()
        shutil.rmtree(root, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
