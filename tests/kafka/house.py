"""Six processes of six rooms on a real Kafka, each of which can be killed, stopped
and started again alone."""
import ctypes
import json
import math
import os
import pathlib
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request

SOURCE = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(SOURCE / "tools/kafka"))
import cluster as kafka  # noqa: E402

ROOMS = ["pricing", "inventory-projection", "erp-connector", "approval", "reorder", "gateway"]
STATEFUL = [room for room in ROOMS if room != "gateway"]
CONNECTIONS = [{"name": "demo", "tenant": "demo", "takes_orders": True, "create_topic_in": True}]
READY_SECONDS = 240
PR_SET_PDEATHSIG = 1


class Broken(Exception):
    """What the house promises does not hold, or it does not come up."""


def fetch(url, timeout=10):
    try:
        with urllib.request.urlopen(url, timeout=timeout) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except (OSError, ValueError):
        return 0, ""


def wait_until(what, check, seconds=READY_SECONDS):
    """Asks until it is so; the limit is for what never comes, not for what is slow."""
    deadline = time.monotonic() + seconds
    while True:
        found = check()
        if found:
            return found
        if time.monotonic() > deadline:
            raise Broken(f"not within {seconds} s: {what}")
        time.sleep(0.05)


class Room:
    """One process. It keeps its ports over all its lives."""

    def __init__(self, house, room, name=None, binary=None, settings=None,
                 room_settings=None):
        self.house, self.room, self.name = house, room, name or room
        self.binary = binary or house.bin / f"weft-{room}"
        self.settings, self.room_settings = settings or {}, room_settings or {}
        self.grpc, self.health, self.admin, self.http = (kafka.free_port() for _ in range(4))
        self.log = house.folder / f"{self.name}.log"
        self.data = house.folder / "data" / self.name
        self.process, self.lives = None, 0

    @property
    def target(self):
        return f"127.0.0.1:{self.grpc}"

    def environment(self):
        service = {
            "GRPC_ADDRESS": self.target,
            "HEALTH_ADDRESS": f"127.0.0.1:{self.health}",
            "ADMIN_ADDRESS": f"127.0.0.1:{self.admin}",
            "DATA_DIR": self.data,
            "MAC_KEY_FILE": self.house.folder / "keys/mac.key",
            "IDENTITY__ROOM_KEY_FILE": self.house.folder / "keys/rooms.pem",
            "IDENTITY__OPEN_LOOPBACK": "true",
            "ROOMS": json.dumps(self.house.targets),
            "DRAIN_PAUSE": "0s",
            **self.house.settings, **self.settings,
        }
        if self.room != "gateway":
            service["EVENT_LOG__KAFKA__BOOTSTRAP_SERVERS"] = self.house.cluster.addresses
            # Five rooms make their topics at once, on a broker of a busy machine.
            service["EVENT_LOG__KAFKA__REQUEST_TIMEOUT"] = "60s"
        made = {"WEFT_SERVICE__" + name: str(value) for name, value in service.items()}
        if self.room == "gateway":
            made["WEFT_ROOM__ADDRESS"], made["WEFT_ROOM__PORT"] = "127.0.0.1", str(self.http)
        if self.room == "erp-connector":
            made["WEFT_ROOM__CONNECTIONS"] = json.dumps(CONNECTIONS)
        made.update({"WEFT_ROOM__" + name: value for name, value in self.room_settings.items()})
        kept = {k: v for k, v in os.environ.items() if not k.startswith("WEFT_")}
        return {**kept, **made}

    def start(self):
        self.lives += 1
        self.data.mkdir(parents=True, exist_ok=True)
        with open(self.log, "ab") as log:
            log.write(f"--- life {self.lives}\n".encode())
            log.flush()
            self.process = subprocess.Popen(
                [self.binary, f"--config={SOURCE}/deploy/config/{self.room}.yaml"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.environment(),
                preexec_fn=lambda: ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL))

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def ready(self):
        if not self.alive():
            # As a supervisor would: what ends is started again.
            self.house.note(f"{self.name} ended with {self.process.returncode}")
            self.house.restarts += 1
            if self.house.restarts > 50:
                raise Broken(f"{self.name} does not stay up:\n{self.tail()}")
            time.sleep(0.2)
            self.start()
            return False
        return fetch(f"http://127.0.0.1:{self.admin}/readyz")[0] == 200

    def kill(self):
        if self.alive():
            self.process.kill()
            self.process.wait()

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    def stop(self, seconds=90):
        if not self.alive():
            return self.process.returncode if self.process else 0
        self.process.terminate()
        return self.process.wait(timeout=seconds)

    def ended(self, seconds=60):
        """Its exit code once it ends by itself."""
        return self.process.wait(timeout=seconds)

    def tail(self, size=3000):
        return self.log.read_text(encoding="utf-8", errors="replace")[-size:]

    def admin_text(self, path):
        return fetch(f"http://127.0.0.1:{self.admin}{path}")[1]

    def log_status(self):
        """What the process says of its log, as `weft log status` shows it."""
        try:
            return json.loads(self.admin_text("/log"))
        except ValueError:
            return {}

    def metric(self, name):
        """Sum over all series of that name; NaN, which equals nothing, when the process
        does not answer."""
        text = self.admin_text("/metrics")
        values = re.findall(rf"^{name}(?:\{{[^}}]*\}})? ([0-9.e+-]+)$", text, re.M)
        return sum(float(v) for v in values) if text else math.nan


class House:
    def __init__(self, folder, bin_folder, cluster, settings=None):
        self.folder, self.bin = pathlib.Path(folder), pathlib.Path(bin_folder).resolve()
        self.cluster, self.settings = cluster, settings or {}
        self.notes, self.restarts = [], 0
        (self.folder / "keys").mkdir(parents=True, exist_ok=True)
        self.targets = {}
        self.rooms = {}
        for room in ROOMS:
            self.rooms[room] = Room(self, room)
        self.targets = {room: self.rooms[room].target for room in STATEFUL}

    def __getitem__(self, room):
        return self.rooms[room]

    @property
    def port(self):
        return self.rooms["gateway"].http

    def note(self, text):
        self.notes.append(text)

    def start(self):
        for room in self.rooms.values():
            room.start()
        self.await_ready()

    def await_ready(self, *rooms):
        wait_until("every process is ready",
                   lambda: all([r.ready() for r in rooms or self.rooms.values()]))

    def await_quiet(self):
        """Until nothing waits to be published."""
        wait_until("every outbox is empty", lambda: all(
            self.rooms[room].metric("weft_engine_outbox_rows") == 0 for room in STATEFUL))

    def kill_all(self):
        for room in self.rooms.values():
            if room.alive():
                room.process.kill()
        for room in self.rooms.values():
            if room.process is not None:
                room.process.wait()

    def stop(self):
        """In the order of who asks whom; every one has to end well."""
        wrong = []
        for room in reversed(list(self.rooms.values())):
            try:
                code = room.stop()
            except subprocess.TimeoutExpired:
                room.kill()
                code = "nothing"
            if code != 0:
                wrong.append(f"{room.name} ends with {code} on SIGTERM")
        return wrong


