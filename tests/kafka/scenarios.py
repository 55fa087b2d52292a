"""What is broken, and what has to hold afterwards. Each takes a World and returns a
sentence of figures; what is wrong goes to world.problem()."""
import json
import pathlib
import random
import shutil
import threading
import time

from house import House, Room, STATEFUL, Broken, kafka, wait_until
from load import Load, kill_test
from log_faults import broker_wiped, log_lost, retention_passed, topic_anew


class World:
    """Brokers, six processes and callers; all end with it."""

    def __init__(self, folder, arguments):
        self.folder, self.arguments = pathlib.Path(folder), arguments
        self.random = random.Random(arguments.seed)
        self.long = arguments.long
        self.bin = pathlib.Path(arguments.bin).resolve()
        self.cluster = self.house = self.load = None
        self.more_rooms, self.more_houses = [], []
        self.found = []
        self.day = 1  # Of the ERP's last count.
        self.started = time.monotonic()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for room in self.more_rooms:
            room.kill()
        for house in [self.house, *self.more_houses]:
            if house is not None:
                house.kill_all()
        if self.cluster is not None:
            self.cluster.destroy()

    def problem(self, text):
        self.found.append(text)

    def problems(self):
        return self.found + (self.load.problems if self.load else [])

    def keep_logs(self):
        shutil.rmtree(self.folder / "data", ignore_errors=True)

    def say(self, text):
        print(f"  {time.monotonic() - self.started:5.0f} s  {text}", flush=True)

    def build(self, brokers=1, settings=None):
        """Everything up, the business there."""
        self.cluster = kafka.Cluster(str(self.folder / "kafka"), brokers)
        self.cluster.start()
        self.house = House(self.folder, self.bin, self.cluster, settings)
        self.house.start()
        self.load = Load(self.house, self.arguments.seed, self.bin / "weft_log_check")
        self.say("six processes are ready")
        self.load.furnish()
        self.say("the ERP's messages have arrived")

    def under_load(self, seconds, callers=3):
        self.load.begin(callers)
        self.wait_for_answers(20)
        time.sleep(seconds)

    def wait_for_answers(self, more, seconds=240):
        """Until callers were answered `more` times from now on."""
        begun = self.load.count()
        wait_until("callers are answered", lambda: self.load.count() >= begun + more, seconds)

    def finish(self, whole_log=True):
        """Callers come to their end, everything is checked, the processes stop."""
        self.load.end()
        self.say(f"{self.load.count()} answers; looking at all of them")
        log = self.load.check_everything(whole_log)
        for wrong in self.house.stop():
            self.problem(wrong)
        refusals = ", ".join(f"{n} {r}" for r, n in sorted(self.load.refusals.items()))
        return (f"{self.load.count()} answers, {len(self.load.reservations)} reservations, "
                f"{len(self.load.orders)} orders; {log}; callers heard: {refusals or 'nothing'}")


def kill_a_room(world):
    room = world.house[world.random.choice(STATEFUL + ["gateway"])]
    room.kill()
    time.sleep(world.random.uniform(0, 0.5))
    room.start()
    world.house.await_ready()
    return room.name


def kill_all_rooms(world):
    world.house.kill_all()
    for room in world.house.rooms.values():
        room.start()
    world.house.await_ready()
    return "all rooms"


def kill_a_broker(world):
    number = world.random.choice(world.cluster.numbers)
    world.cluster.kill(number)
    time.sleep(world.random.uniform(0, 2))
    world.cluster.start(number)
    return f"broker {number}"


def kills(world, count, faults, seconds):
    """`faults` in turn by chance, under load."""
    world.under_load(1)
    done, started = [], time.monotonic()
    while len(done) < count and time.monotonic() - started < seconds and not world.problems():
        time.sleep(world.random.uniform(0.1, 1.5))
        done.append(world.random.choice(faults)(world))
        world.say(f"{done[-1]} killed and back")
        world.wait_for_answers(5)
        world.load.look()
    if not done:
        world.problem(f"no kill in {seconds} s")
    kinds = ", ".join(f"{done.count(kind)} {kind}" for kind in sorted(set(done)))
    return f"{len(done)} kills ({kinds}); {world.finish()}"


def rooms_killed(world):
    world.build()
    return kills(world, 60 if world.long else 5, [kill_a_room] * 4 + [kill_all_rooms],
                 3000 if world.long else 90)


def broker_killed(world):
    world.build()
    return kills(world, 20 if world.long else 2, [kill_a_broker], 1500 if world.long else 90)


def three_brokers(world):
    """One of three at a time: whoever leads our partitions is among them."""
    world.build(brokers=3)
    return kills(world, 20 if world.long else 3, [kill_a_broker], 1500 if world.long else 90)


def everything_killed(world):
    """Rooms, all rooms and brokers by chance."""
    world.build(brokers=3)
    return kills(world, 60 if world.long else 4, [kill_a_room, kill_a_room, kill_all_rooms,
                                                  kill_a_broker], 3600 if world.long else 90)


def lost_disk(world):
    """Folders of rooms with commands are gone; all they answered is in the changelog."""
    world.build()
    world.under_load(3)
    for room in ["inventory-projection", "approval"] + (["erp-connector", "reorder", "pricing"]
                                                         if world.long else []):
        lost = world.house[room]
        lost.kill()
        shutil.rmtree(lost.data)
        lost.start()
        world.house.await_ready()
        world.wait_for_answers(10)
        world.load.look(40)
    return world.finish()


def broker_away(world):
    """No broker for a while: reads go on, commands are answered later or refused, and
    everything arrives once and in order."""
    away = 180 if world.long else 12
    world.build()
    world.under_load(2)
    world.cluster.kill()
    gone = time.monotonic()
    # More than may wait for the changelog, sooner or later.
    crowd = Crowd(world, 300)
    reads = read_until(world, lambda: time.monotonic() - gone > away and crowd.refused)
    crowd.end()
    seconds = time.monotonic() - gone
    world.cluster.start()
    world.wait_for_answers(20)
    # Whatever each of them was told: under its key it is done once.
    world.load.running = True
    for key, body, told in crowd.asked:
        if told is not None:
            world.load.answers[key] = ("/v1/reservations", body, told)
        ask_until_done(world, key, body)
    world.say(f"{len(crowd.asked)} of the crowd are answered")
    world.load.look()
    return (f"{crowd.refused} of {len(crowd.asked)} LOG_BEHIND; {seconds:.0f} s without a broker, "
            f"{reads} reads meanwhile; {world.finish()}")


def read_until(world, over, seconds=300):
    """Reads that need no log, until it is over. How many that were."""
    caller, reads, failed, last = kill_test.Caller(world.house), 0, 0, None
    until = time.monotonic() + seconds
    while not over():
        if time.monotonic() > until:
            world.problem("nobody was refused with LOG_BEHIND")
            break
        for path, body in (("/v1/availability:query", {"lines": [{"sku": kill_test.SKUS[0]}]}),
                           ("/v1/prices:calculate", {"account": "A1", "lines": [
                               {"sku": kill_test.SKUS[0], "quantity": {"value": "1"}}]})):
            result = caller.call("POST", path, body)
            reads += 1
            if result is None or result[0] != 200:
                failed, last = failed + 1, result
        time.sleep(0.2)
    if failed:
        world.problem(f"{failed} of {reads} reads failed, the last with {last}")
    return reads


class Crowd:
    """Callers that reserve, each again and again under a new key, until somebody is told
    LOG_BEHIND. No answer but that may say that nothing was done."""

    def __init__(self, world, callers):
        self.world, self.asked, self.refused = world, [], 0  # (key, body, answer or None).
        self.over = False
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self.work, args=(i,), daemon=True)
                        for i in range(callers)]
        for thread in self.threads:
            thread.start()

    def work(self, number):
        caller, count = kill_test.Caller(self.world.house), 0
        while not self.over and not self.refused:
            count += 1
            key, body = f"crowd-{number}-{count}", reservation_body()
            result = caller.call("POST", "/v1/reservations", body, key)
            done = result is not None and result[0] == 200
            with self.lock:
                self.asked.append((key, body, result[1] if done else None))
                self.refused += result is not None and "LOG_BEHIND" in json.dumps(result[1])
            if result is not None and not kill_test.undecided(result) and not done:
                self.world.problem(f"{key} is refused: {result}")

    def end(self):
        self.over = True
        for thread in self.threads:
            thread.join(120)


def reservation_body():
    expires = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))
    return {"account": "A1", "expireTime": expires,
            "lines": [{"sku": kill_test.SKUS[0], "quantity": {"value": "1"}}]}


def ask_in_background(house, count, prefix, timeout):
    """Reservations through the gateway of `house`, each on a connection of its own; their
    answers come to the list."""
    answers, threads = [], []

    def ask(number):
        body, key = reservation_body(), f"{prefix}{number}"
        result = kill_test.Caller(house).call("POST", "/v1/reservations", body, key)
        answers.append((key, body, result))

    for number in range(count):
        threads.append(threading.Thread(target=ask, args=(number,), daemon=True))
        threads[-1].start()

    def join():
        for thread in threads:
            thread.join(timeout)
        return answers
    return join


def ask_until_done(world, key, body):
    """A reservation, repeated under its key until it is answered; told as any other."""
    load, path = world.load, "/v1/reservations"
    result = load.call_until_decided(kill_test.Caller(world.house), "POST", path, body, key)
    if result is None or result[0] != 200:
        world.problem(f"{key} is refused: {result}")
        return
    known = load.answers.get(key, (path, body, result[1]))
    if known[2] != result[1]:
        world.problem(f"{key} was answered {known[2]} and is now {result[1]}")
    load.answers[key] = known
    load.reservations[result[1]["name"]] = body["lines"][0]["sku"]


def paused_owner(world, binary=None):
    """SIGSTOP, a take-over by another process with another folder, SIGCONT. The first one
    may say nothing any more that does not hold, and has to end."""
    world.build()
    if binary is not None:
        owner = world.house["inventory-projection"]
        owner.stop()
        owner.binary = binary
        owner.start()
        world.house.await_ready()
    # A few answers, and then nobody asks: what is asked below is all that is under way.
    world.under_load(1)
    world.load.end()
    first = world.house["inventory-projection"]

    first.pause()
    second = Room(world.house, "inventory-projection", "inventory-2")
    world.more_rooms.append(second)
    second.start()
    wait_until("the second owner serves", second.ready)
    world.say("taken over")
    # Into the sockets of a process that stands still; it reads them when it wakes up.
    late = ask_in_background(world.house, 16, "late-", 60)
    time.sleep(1)
    first.resume()
    asked = late()
    told = [(key, body, result) for key, body, result in asked
            if result is not None and result[0] == 200]
    code = None
    try:
        code = first.ended(30)
    except Exception:
        world.problem("the first owner does not end after a foreign claim")
        first.kill()
    if code == 0:
        world.problem("the first owner ends as if all were well")

    for room in ["gateway", "approval", "reorder"]:
        world.house[room].stop()
    world.house.targets["inventory-projection"] = second.target
    for room in ["gateway", "approval", "reorder"]:
        world.house[room].start()
    world.house.rooms["inventory-projection"] = second
    world.house.await_ready()
    # What the first one answered after it was woken up, as any other answer.
    for key, body, (_, answer) in told:
        world.load.answers[key] = ("/v1/reservations", body, answer)
        world.load.reservations[answer["name"]] = body["lines"][0]["sku"]
    world.load.give_up = time.monotonic() + 60
    world.load.still_there([answer["name"] for _, _, (_, answer) in told],
                           kill_test.Caller(world.house))
    if not world.problems():
        # What it did not answer, the other one does.
        world.load.running = True
        for key, body, _ in asked:
            ask_until_done(world, key, body)
        world.load.tag = "again-"
        world.load.begin()
        world.wait_for_answers(20)
    return f"{len(told)} answers after the pause, exit code {code}; {world.finish()}"


def planted_no_claim_check(world):
    """The same with an owner that does not look for claims: the harness has to find it."""
    paused_owner(world, world.bin / "weft_planted_inventory")
    # That it goes on is not enough: what it answered has to be missed.
    lost = [p for p in world.problems() if p.startswith("LOST")]
    world.found.clear()
    world.load.problems.clear()
    if not lost:
        world.problem("an owner without a claim check was not found")
    return f"found: {lost[0][:160] if lost else 'nothing'}"


ALL = {
    "rooms_killed": rooms_killed,
    "broker_killed": broker_killed,
    "three_brokers": three_brokers,
    "everything_killed": everything_killed,
    "lost_disk": lost_disk,
    "broker_away": broker_away,
    "paused_owner": paused_owner,
    "planted_no_claim_check": planted_no_claim_check,
    "log_lost": log_lost,
    "broker_wiped": broker_wiped,
    "topic_anew": topic_anew,
    "retention_passed": retention_passed,
}
# What fits into an ordinary test run.
SHORT = ["rooms_killed", "three_brokers", "paused_owner"]
# An exception of its own, for callers of this module.
__all__ = ["ALL", "SHORT", "World", "Broken"]
