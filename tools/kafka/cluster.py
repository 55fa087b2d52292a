"""Real Kafka brokers for tests: one Java process each, in KRaft mode, in a folder.

    cluster = Cluster(folder, brokers=3)
    cluster.start()              # all of them; returns when they serve
    cluster.addresses            # "127.0.0.1:20411,127.0.0.1:23817,..."
    cluster.kill(2)              # SIGKILL; also stop, pause, resume, start, wipe
    cluster.destroy()

    cluster = Cluster(folder, secure=True)   # cluster.addresses speak SASL_SSL;
    cluster.ca_file, USER, PASSWORD          # who may come, and how it is known

Each broker is controller, too. Ports are chosen once, so that a broker comes back
where it was. Jars, and an archive of their classes that makes starts fast, lie in
a cache outside of the build tree ($WEFT_KAFKA_CACHE, ~/.cache/weft/kafka), one
folder for each version of Kafka and of Java.
"""
import base64
import contextlib
import ctypes
import fcntl
import glob
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid

HERE = os.path.dirname(os.path.abspath(__file__))
DEFAULT_VERSION = "3.9.1"
# Starting Java on a busy machine takes its time.
START_SECONDS = 180
UP = "Kafka Server started"
PR_SET_PDEATHSIG = 1
# Below the ports the kernel gives to connections: a client that asks again and
# again for a broker that is away would otherwise meet itself.
PORTS = (20_000, 32_000)
PORTS_IN_BLOCK = 50


# Of a cluster that asks who comes.
USER, PASSWORD = "weft", "not a secret"


class NotHere(Exception):
    """Java or the jars cannot be had; what needs them is not run."""


def cache_folder(version):
    root = os.environ.get("WEFT_KAFKA_CACHE") or os.path.join(
        os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "weft", "kafka")
    return os.path.join(root, version)


def libs_folder(version):
    return os.path.join(cache_folder(version), "libs")


def has_jars(version):
    return bool(glob.glob(os.path.join(libs_folder(version), "kafka_2.13-*.jar")))


def java_version():
    if shutil.which("java") is None:
        raise NotHere("there is no java")
    said = subprocess.run(["java", "-version"], capture_output=True, text=True, check=False)
    found = re.search(r'version "([^"]+)"', said.stderr)
    return found.group(1) if found else "unknown"


def require(version=DEFAULT_VERSION):
    """Raises NotHere where a broker of this version cannot run."""
    java_version()
    if not has_jars(version):
        raise NotHere(f"there are no jars of Kafka {version} in {libs_folder(version)} "
                      f"(tools/kafka/broker jars --version {version})")


@contextlib.contextmanager
def locked(path):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def fetch_jars(version=DEFAULT_VERSION):
    """Maven fetches them, once. Raises NotHere."""
    home = cache_folder(version)
    with locked(home + ".lock"):
        if has_jars(version):
            return
        if shutil.which("mvn") is None:
            raise NotHere("there is no mvn to fetch the jars with")
        # All or nothing: half a set of jars would look like a set.
        os.makedirs(home, exist_ok=True)
        fresh = tempfile.mkdtemp(prefix="fetch.", dir=home)
        fetched = subprocess.run(
            ["mvn", "-B", "-q", "-f", os.path.join(HERE, "pom.xml"), f"-Dkafka.version={version}",
             "dependency:copy-dependencies", "-DincludeScope=runtime",
             f"-DoutputDirectory={fresh}"], stdin=subprocess.DEVNULL, check=False)
        if fetched.returncode != 0:
            shutil.rmtree(fresh, ignore_errors=True)
            raise NotHere(f"the jars of Kafka {version} could not be had")
        shutil.rmtree(libs_folder(version), ignore_errors=True)
        os.rename(fresh, libs_folder(version))


def java_command(version, *more):
    """java with the jars and, once it was made, the archive of their classes."""
    command = ["java", "-Xmx256m", "-Xms64m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
               "-Djava.awt.headless=true", "-Xlog:disable", "-Xlog:all=error:stderr", *more]
    archive = archive_of(version)
    if os.path.exists(archive) and not any("ArchiveClasses" in m for m in more):
        command.append(f"-XX:SharedArchiveFile={archive}")
    return command + ["-cp", os.path.join(libs_folder(version), "*")]


def archive_of(version):
    return os.path.join(cache_folder(version), f"classes-{java_version()}.jsa")


def bootstrap_checkpoint(version):
    """The first records of a cluster's metadata, as Kafka's own tool formats them.
    They name no cluster, so one file serves all."""
    kept = os.path.join(cache_folder(version), "bootstrap.checkpoint")
    with locked(kept + ".lock"):
        if not os.path.exists(kept):
            with tempfile.TemporaryDirectory() as folder:
                node = Node(1, 1, 2)
                write_properties(folder, node, [node])
                done = subprocess.run(
                    java_command(version) + ["kafka.tools.StorageTool", "format", "-t", new_id(),
                                             "-c", os.path.join(folder, "server.properties")],
                    capture_output=True, text=True, check=False)
                made = os.path.join(folder, "log", "bootstrap.checkpoint")
                if done.returncode != 0 or not os.path.exists(made):
                    raise RuntimeError(f"Kafka {version} does not format a folder: "
                                       f"{done.stdout}{done.stderr}")
                shutil.copy(made, kept + ".new")
                os.rename(kept + ".new", kept)
    return kept


def make_archive(version=DEFAULT_VERSION):
    """Runs a broker once and keeps an archive of the classes it loaded. Starts are
    slower without, not different."""
    archive = archive_of(version)
    with locked(archive + ".lock"):
        if os.path.exists(archive):
            return
        with tempfile.TemporaryDirectory() as folder:
            cluster = Cluster(folder, version=version)
            cluster.start(jvm=[f"-XX:ArchiveClassesAtExit={archive}.new"])
            cluster.stop(1, patience=120)
        if os.path.exists(archive + ".new"):
            os.rename(archive + ".new", archive)


def new_id():
    while True:
        text = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        if not text.startswith("-"):
            return text


def ports_of_ours():
    """Ports of blocks that this process holds as long as it lives, so that runs beside
    each other do not take a port between its probe and its use."""
    folder = os.path.join(tempfile.gettempdir(), f"weft-ports-{os.getuid()}")
    os.makedirs(folder, exist_ok=True)
    blocks = list(range(PORTS[0], PORTS[1], PORTS_IN_BLOCK))
    random.shuffle(blocks)
    held = []
    for block in blocks:
        held.append(open(os.path.join(folder, str(block)), "w", encoding="utf-8"))
        try:
            fcntl.flock(held[-1], fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            held.pop().close()
            continue
        yield from range(block, block + PORTS_IN_BLOCK)
    raise RuntimeError("all ports are taken")


PORTS_LEFT = ports_of_ours()


def free_port():
    """Each is given once in the life of a process."""
    while True:
        port = next(PORTS_LEFT)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


def answers(port):
    with socket.socket() as probe:
        probe.settimeout(2)
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Node:
    def __init__(self, number, port, controller_port, secure_port=None):
        self.number, self.port, self.controller_port = number, port, controller_port
        self.secure_port = secure_port
        self.process = None


def write_properties(folder, node, nodes, more=None):
    count = len(nodes)
    voters = ",".join(f"{n.number}@127.0.0.1:{n.controller_port}" for n in nodes)
    copies, in_sync = min(count, 3), 2 if count >= 3 else 1
    settings = {
        "process.roles": "broker,controller",
        "node.id": node.number,
        "controller.quorum.voters": voters,
        "listeners": f"PLAINTEXT://127.0.0.1:{node.port},"
                     f"CONTROLLER://127.0.0.1:{node.controller_port}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{node.port}",
        "controller.listener.names": "CONTROLLER",
        "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
        "inter.broker.listener.name": "PLAINTEXT",
        "log.dirs": os.path.join(folder, "log"),
        # A topic nobody made is an error of ours, not a topic.
        "auto.create.topics.enable": "false",
        "default.replication.factor": copies,
        "min.insync.replicas": in_sync,
        "offsets.topic.replication.factor": copies,
        "offsets.topic.num.partitions": 1,
        "transaction.state.log.replication.factor": copies,
        "transaction.state.log.min.isr": in_sync,
        "transaction.state.log.num.partitions": 1,
        "group.initial.rebalance.delay.ms": 0,
        # A broker that was killed comes back soon: while its old session lasts,
        # the controller refuses it.
        "broker.session.timeout.ms": 2000 if count == 1 else 3000,
        "broker.heartbeat.interval.ms": 400 if count == 1 else 500,
        "replica.lag.time.max.ms": 5000,
        # Small: many partitions, little in each.
        "log.index.size.max.bytes": 1 << 20,
        "log.cleaner.dedupe.buffer.size": 16 << 20,
        "num.network.threads": 2,
        "num.io.threads": 4,
        # Retention by records removed is seen at once.
        "log.retention.check.interval.ms": 2000,
        **(more or {}),
    }
    with open(os.path.join(folder, "server.properties"), "w", encoding="utf-8") as out:
        for name, value in settings.items():
            out.write(f"{name}={value}\n")
    with open(os.path.join(folder, "log4j.properties"), "w", encoding="utf-8") as out:
        out.write("log4j.rootLogger=WARN, stdout\n"
                  "log4j.appender.stdout=org.apache.log4j.ConsoleAppender\n"
                  "log4j.appender.stdout.layout=org.apache.log4j.PatternLayout\n"
                  "log4j.appender.stdout.layout.ConversionPattern=[%d] %p %m (%c)%n\n"
                  "log4j.logger.kafka.server.KafkaRaftServer=INFO\n")


def make_certificate(folder):
    """A key and a certificate for 127.0.0.1 that signs itself, in the shapes that
    Kafka and its clients take. Returns the certificate's file."""
    os.makedirs(folder, exist_ok=True)
    key, certificate, both = (os.path.join(folder, n) for n in ("key.pem", "ca.pem", "both.pem"))
    if shutil.which("openssl") is None:
        raise NotHere("there is no openssl to make a certificate with")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-keyout", key,
         "-out", certificate, "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"],
        stdin=subprocess.DEVNULL, capture_output=True, check=True)
    with open(both, "w", encoding="utf-8") as out:
        for part in (key, certificate):
            with open(part, encoding="utf-8") as text:
                out.write(text.read())
    return certificate


def secure_settings(node, certificate):
    """A listener for clients beside the one that brokers use among themselves."""
    both = os.path.join(os.path.dirname(certificate), "both.pem")
    return {
        "listeners": f"PLAINTEXT://127.0.0.1:{node.port},"
                     f"SASL_SSL://127.0.0.1:{node.secure_port},"
                     f"CONTROLLER://127.0.0.1:{node.controller_port}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{node.port},"
                                f"SASL_SSL://127.0.0.1:{node.secure_port}",
        "listener.security.protocol.map":
            "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": both,
        "sasl.enabled.mechanisms": "PLAIN",
        "listener.name.sasl_ssl.plain.sasl.jaas.config":
            "org.apache.kafka.common.security.plain.PlainLoginModule required "
            f'user_{USER}="{PASSWORD}";',
    }


class Cluster:
    """Not thread safe. Start brokers from a thread that stays: they end with it."""

    def __init__(self, folder, brokers=1, version=DEFAULT_VERSION, settings=None, secure=False):
        require(version)
        self.folder, self.version, self.settings = folder, version, settings or {}
        self.id = new_id()
        self.ca_file = make_certificate(os.path.join(folder, "tls")) if secure else None
        self.nodes = [Node(i + 1, free_port(), free_port(), free_port() if secure else None)
                      for i in range(brokers)]
        for node in self.nodes:
            self._format(node)

    @property
    def addresses(self):
        return ",".join(f"127.0.0.1:{n.secure_port or n.port}" for n in self.nodes)

    @property
    def numbers(self):
        return [n.number for n in self.nodes]

    def node(self, number):
        return self.nodes[number - 1]

    def home(self, node):
        return os.path.join(self.folder, f"broker{node.number}")

    def output(self, number):
        with open(os.path.join(self.home(self.node(number)), "out"), encoding="utf-8",
                  errors="replace") as out:
            return out.read()

    def _format(self, node):
        data = os.path.join(self.home(node), "log")
        shutil.rmtree(data, ignore_errors=True)
        os.makedirs(data)
        secure = secure_settings(node, self.ca_file) if self.ca_file else {}
        write_properties(self.home(node), node, self.nodes, {**secure, **self.settings})
        shutil.copy(bootstrap_checkpoint(self.version), data)
        with open(os.path.join(data, "meta.properties"), "w", encoding="utf-8") as out:
            out.write(f"version=1\ncluster.id={self.id}\nnode.id={node.number}\n"
                      f"directory.id={new_id()}\n")

    def start(self, *numbers, jvm=()):
        """Starts these (all, if none is named) and waits until they serve."""
        nodes = [self.node(n) for n in numbers or self.numbers]
        for node in nodes:
            if not self.alive(node.number):
                self._launch(node, jvm)
        deadline = time.monotonic() + START_SECONDS
        for node in nodes:
            while not (UP in self.output(node.number)[node.skip:] and answers(node.port)):
                if node.process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"broker {node.number} did not start:\n"
                                       + self.output(node.number)[-4000:])
                time.sleep(0.1)

    def _launch(self, node, jvm):
        home = self.home(node)
        with open(os.path.join(home, "out"), "ab") as out:
            node.skip = len(self.output(node.number))
            node.process = subprocess.Popen(
                java_command(self.version, f"-Dlog4j.configuration=file:{home}/log4j.properties",
                             *jvm) + ["kafka.Kafka", os.path.join(home, "server.properties")],
                stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=home,
                start_new_session=True,
                preexec_fn=lambda: ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL))

    def alive(self, number):
        process = self.node(number).process
        return process is not None and process.poll() is None

    def kill(self, *numbers):
        for number in numbers or self.numbers:
            if self.alive(number):
                self.node(number).process.kill()
                self.node(number).process.wait()

    def stop(self, *numbers, patience=5):
        """SIGTERM, and SIGKILL when that takes too long: brokers that end at once
        wait for each other."""
        running = [n for n in numbers or self.numbers if self.alive(n)]
        for number in running:
            self.node(number).process.terminate()
        deadline = time.monotonic() + patience
        for number in running:
            try:
                self.node(number).process.wait(max(deadline - time.monotonic(), 0.1))
            except subprocess.TimeoutExpired:
                self.kill(number)

    def pause(self, *numbers):
        for number in numbers or self.numbers:
            self.node(number).process.send_signal(signal.SIGSTOP)

    def resume(self, *numbers):
        for number in numbers or self.numbers:
            self.node(number).process.send_signal(signal.SIGCONT)

    def wipe(self, *numbers, new_cluster=None):
        """Kills them and empties their disks. All of them come back as another
        cluster, unless told otherwise; a few as empty members of this one."""
        numbers = numbers or self.numbers
        self.kill(*numbers)
        if new_cluster if new_cluster is not None else len(numbers) == len(self.nodes):
            self.id = new_id()
        for number in numbers:
            self._format(self.node(number))

    def destroy(self):
        # What it holds is thrown away: no need to wait for an orderly end.
        for node in self.nodes:
            if node.process is not None and node.process.poll() is None:
                node.process.send_signal(signal.SIGCONT)
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def describe(self):
        return json.dumps({"addresses": self.addresses, "id": self.id, "version": self.version,
                           "brokers": {n.number: n.port for n in self.nodes}})
