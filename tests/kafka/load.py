"""Callers that reserve, confirm, release and order through REST, remember each answer
they were given, and check in the end that every one of them holds.

What crash/kill_test.py does against one process, against six; only where the callers
come in, and what is looked at after a fault, differs.
"""
import pathlib
import random
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "crash"))
import kill_test  # noqa: E402
import promises  # noqa: E402

TOPICS = ["weft.facts.v1", "weft.stock.movements.v1", "weft.sales.orders.v1",
          "weft.erp.orders.v1", "weft.inventory.stock.v1", "erp.demo.out"]


class Load(kill_test.Test):
    def __init__(self, house, seed, log_check):
        # In the place of kill_test.Test's own: there is no single process to start.
        self.weftd = house  # Only its port is asked for.
        self.house, self.seed, self.log_check = house, seed, log_check
        self.arguments = self
        self.random = random.Random(seed)
        self.lock = threading.Lock()
        self.answers, self.reservations, self.orders = {}, {}, {}
        self.refusals = {}  # Reason -> how often a caller heard it.
        self.problems = []
        self.running, self.give_up = False, time.monotonic() + 3600
        self.threads = []
        self.tag = ""  # In front of keys, so that callers begun again use others.

    def begin(self, callers=3):
        self.running = True
        self.threads = [threading.Thread(target=self.work, args=(i,), daemon=True)
                        for i in range(callers)]
        for thread in self.threads:
            thread.start()

    def end(self):
        self.running = False
        self.give_up = time.monotonic() + 90
        for thread in self.threads:
            thread.join(timeout=180)
            if thread.is_alive():
                self.problem("a caller still waits for an answer")

    def count(self):
        with self.lock:
            return len(self.answers)

    def call_until_decided(self, caller, method, path, body, key):
        while True:
            result = caller.call(method, path, body, key)
            if not kill_test.undecided(result):
                return result
            self.note_refusal(result)
            if not self.running and time.monotonic() > self.give_up:
                self.problem(f"{path} {key} is not decided: {result}")
                return result
            time.sleep(0.05)

    def note_refusal(self, result):
        if result is None:
            reason = "no answer"
        else:
            error = result[1].get("error", result[1]) if isinstance(result[1], dict) else {}
            details = error.get("details", []) if isinstance(error, dict) else []
            reason = next((d.get("reason") for d in details
                           if isinstance(d, dict) and d.get("reason")), str(result[0]))
        with self.lock:
            self.refusals[reason] = self.refusals.get(reason, 0) + 1

    def refused(self, path, key, result):
        # Verbs, too: each comes to a reservation that is held, and none expires.
        self.problem(f"{path} {key} is refused: {result}")

    def get_until_decided(self, caller, path):
        """None when nobody answers for good."""
        result = None
        while kill_test.undecided(result):
            result = caller.call("GET", path)
            if kill_test.undecided(result):
                if time.monotonic() > self.give_up:
                    return result
                time.sleep(0.05)
        return result

    def still_there(self, names, caller):
        """Every one of these was acknowledged. Looked at before anything is asked again:
        a repeat would make anew what was lost."""
        for name in names:
            result = self.get_until_decided(caller, "/v1/" + name)
            if result is None or result[0] != 200:
                self.problem(f"LOST: {name} was acknowledged and is now {result}")

    def look(self, sample=20):
        """After a fault: some of what was acknowledged, first that it is there, then
        that its answer is the same."""
        caller = kill_test.Caller(self.house)
        with self.lock:
            recent = list(self.answers)[-200:]
            keys = self.random.sample(recent, min(sample, len(recent)))
            names = [self.answers[k][2]["name"] for k in keys
                     if self.answers[k][0] in ("/v1/reservations", "/v1/orders")]
        self.still_there(names, caller)
        self.ask_again(keys, caller)

    def check_everything(self, whole_log=True):
        """`whole_log`: the log has all that was done since the beginning."""
        self.give_up = time.monotonic() + 300
        promises.look_at(self)
        promises.ask_again(self, list(self.answers))
        self.give_up = time.monotonic() + 300
        orders = promises.check_orders(self)
        promises.check_sums(self, orders)
        promises.check_audit(self)
        if not whole_log:
            return "its log is not looked at"
        self.house.await_quiet()
        log = subprocess.run(
            [self.log_check, f"--kafka={self.house.cluster.addresses}", "--effects", *TOPICS],
            capture_output=True, text=True, check=False)
        lines = log.stdout.strip().splitlines()
        if log.returncode != 0:
            wrong = [line for line in lines if not line.startswith("effect ")]
            self.problem(f"log check: {wrong[-10:]}{log.stderr[-500:]}")
        promises.count_effects(self, lines, orders)
        return lines[-1] if lines else "no log"
