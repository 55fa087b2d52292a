"""A log that is lost, or a part of it: noticed, answered from the state as stale, and
repaired by an operator."""
import json
import subprocess
import time

from house import Broken, Room, STATEFUL, wait_until
from load import kill_test, promises


def weft_log(world, rooms, *what):
    """`weft log ...` for these processes."""
    admins = ",".join(f"http://127.0.0.1:{room.admin}" for room in rooms)
    done = subprocess.run([world.bin / "weft", "log", *what, "--admin", admins],
                          capture_output=True, text=True, check=False, timeout=120)
    return done.returncode, done.stdout + done.stderr


def noticed(world, room, *reasons):
    """Until the process says so, in its log status, its metric and its log."""
    def check():
        status = room.log_status()
        said = {s.get("reason") for s in status.get("stopped", [])}
        if status.get("clusterChanged"):
            said.add("LOG_CHANGED")
        for part in status.get("rooms", []):
            if part.get("logChanged"):
                said.add("LOG_CHANGED")
            said.add(part.get("relayFailure", "").split(":")[0])
        return any(reason in said for reason in reasons)
    wait_until(f"{room.name} says {reasons}", check)
    code, said = weft_log(world, [room], "status")
    if code == 0 or "follows" in said and not ("stale" in said or "stopped" in said):
        world.problem(f"weft log status ends with {code} and says: {said}")
    wait_until(f"{room.name} says so in a metric", lambda: room.metric(
        "weft_engine_partitions_stopped_total") + room.metric(
            "weft_engine_publish_failures_total") > 0)
    wait_until(f"{room.name} says {reasons} in its log", lambda: any(
        reason in room.log.read_text(encoding="utf-8", errors="replace") for reason in reasons))


def reads_go_on(world):
    """Once the gateway has found a room again that was away; the log is as lost as before."""
    caller = kill_test.Caller(world.house)

    def check():
        result = caller.call("POST", "/v1/availability:query",
                             {"lines": [{"sku": kill_test.SKUS[0]}]})
        return result and result[0] == 200
    wait_until("availability is answered from the state", check)


def repair(world, verb, *rooms, more=()):
    """`weft log VERB` for each, in this order; until all follow the log again."""
    for room in rooms:
        code, said = weft_log(world, [room], verb, "--yes", "--reason", "a test", *more)
        if code != 0:
            world.problem(f"{verb} of {room.name} ends with {code}: {said}")
        world.say(f"{room.name}: {verb}")
        # It starts again in place.
        wait_until(f"{room.name} follows the log",
                   lambda room=room: room.alive() and weft_log(world, [room], "status")[0] == 0)
    world.house.await_ready()


def send(world, name, messages):
    """The ERP's messages, through its door."""
    result = kill_test.Caller(world.house).call(
        "POST", "/v1/erp/demo:ingest", {"text": "\n".join(json.dumps(m) for m in messages)}, name)
    if result is None or result[0] != 200:
        raise Broken(f"the ERP's messages are refused: {result}")


def count_stock(world):
    """The ERP counts all items anew, on the next day of January; what it counted."""
    world.day += 1
    on_hand = kill_test.ON_HAND + world.day
    send(world, f"counts-{world.day}", [
        {"type": "stock.count", "id": f"count{world.day}{sku}", "data": {
            "sku": sku, "location": "MAIN", "onHand": on_hand,
            "watermark": f"2026-01-{world.day:02}T00:00:00Z"}} for sku in kill_test.SKUS])
    return on_hand


def on_hand_is(world, expected):
    caller = kill_test.Caller(world.house)

    def check():
        result = caller.call("POST", "/v1/availability:query",
                             {"lines": [{"sku": sku} for sku in kill_test.SKUS]})
        return result and result[0] == 200 and all(
            line.get("onHand") == str(expected) for line in result[1].get("lines", []))
    wait_until(f"{expected} of each item are there", check)


def go_on(world):
    """Callers come back, and all that was ever answered holds."""
    world.load.tag = "again-"
    world.load.begin()
    world.wait_for_answers(20)
    # Records are gone that were there once.
    return world.finish(whole_log=False)


PRICED = {"account": "A1", "asOf": "2030-01-01T00:00:00Z",
          "lines": [{"sku": sku, "quantity": {"value": "3"}} for sku in kill_test.SKUS]}


def prices(world):
    """What these lines cost; None where one has no price."""
    result = kill_test.Caller(world.house).call("POST", "/v1/prices:calculate", PRICED)
    if result is None or result[0] != 200:
        return None
    found = [line.get("net", {}).get("amount") for line in result[1]["lines"]]
    return found if all(found) else None


def same_bytes(world):
    """A replica of pricing that never saw another log says what the old one says."""
    new = Room(world.house, "pricing", "pricing-2", settings={"OWNERS": json.dumps(
        {"pricing": world.house["pricing"].target})}, room_settings={"DOCUMENTS_OWNER": "false"})
    world.more_rooms.append(new)
    new.start()
    wait_until("a new replica of pricing is ready", new.ready)
    old = world.house.targets["pricing"]
    gateway = world.house["gateway"]
    said = {}
    for target in (old, new.target):
        gateway.stop()
        world.house.targets["pricing"] = target
        gateway.start()
        world.house.await_ready(gateway)
        wait_until("it has all prices", lambda: prices(world) is not None)
        said[target] = kill_test.Caller(world.house).call("POST", "/v1/prices:calculate", PRICED)
    if said[old] != said[new.target]:
        world.problem(f"an old replica says {said[old]}, a new one {said[new.target]}")
    gateway.stop()
    world.house.targets["pricing"] = old
    gateway.start()
    world.house.await_ready(gateway)
    return said[old][1]["lines"][0].get("decisionId", "")


def write_anew(world):
    """What `weft erp reseed` says; None while the room that was just repaired is away."""
    done = subprocess.run([world.bin / "weft", "erp", "reseed", "demo", "--server",
                           f"http://127.0.0.1:{world.house.port}"],
                          capture_output=True, text=True, check=False, timeout=120)
    if done.returncode not in (0, 5):
        raise Broken(f"weft erp reseed ends with {done.returncode}: {done.stderr}")
    return done.stdout.strip() if done.returncode == 0 else None


def wipe_broker(world):
    """Another cluster at the same address."""
    before = wait_until("items have prices", lambda: prices(world))
    # What is on its way between rooms when a log is lost is lost with it.
    promises.check_orders(world.load)
    world.house.await_quiet()
    world.cluster.wipe()
    world.cluster.start()
    begun = time.monotonic()
    for room in STATEFUL:
        noticed(world, world.house[room], "LOG_CHANGED")
    seconds = time.monotonic() - begun
    reads_go_on(world)
    if prices(world) != before:
        world.problem(f"prices from the state are {prices(world)}, not {before}")
    body = {"account": "A1", "expireTime": "2099-01-01T00:00:00Z",
            "lines": [{"sku": kill_test.SKUS[0], "quantity": {"value": "1"}}]}
    result = kill_test.Caller(world.house).call("POST", "/v1/reservations", body, "after-wipe")
    if result is not None and result[0] == 200:
        world.problem("a command is answered although its log is gone")
    world.say(f"noticed by all after {seconds:.1f} s")

    # Who writes facts first, then who keeps commands, then who is nothing but facts.
    repair(world, "reseed", world.house["erp-connector"])
    anew = wait_until("the facts are written anew", lambda: write_anew(world))
    world.say(anew)
    if prices(world) != before:
        world.problem(f"prices from the state are {prices(world)}, not {before}")
    repair(world, "reseed", *(world.house[room] for room in
                              ("approval", "reorder", "inventory-projection", "pricing")))
    wait_until(f"prices are {before} again", lambda: prices(world) == before)
    # Refused or not, its fate was unknown; repeated under its key it is told, and counts.
    result = world.load.call_until_decided(kill_test.Caller(world.house), "POST",
                                           "/v1/reservations", body, "after-wipe")
    if result is None or result[0] != 200:
        raise Broken(f"the reservation of the wipe's time ends with {result}")
    world.load.answers["after-wipe"] = ("/v1/reservations", body, result[1])
    decision = same_bytes(world)
    return f"the wiped broker noticed by all after {seconds:.1f} s, then decision {decision}"


def admin(world, *what):
    done = subprocess.run([world.bin / "weft_kafka_admin", world.cluster.addresses, *what],
                          capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Broken(f"{what}: {done.stderr}")
    return done.stdout


def remove_topic(world):
    """Somebody removes a topic; who reads it and who writes to it say so. Made anew, it is
    followed again."""
    reader, writer = world.house["inventory-projection"], world.house["erp-connector"]
    # All of it was read: the ERP's counts.
    admin(world, "remove", "weft.stock.movements.v1")
    begun = time.monotonic()
    noticed(world, reader, "LOG_CHANGED")
    seconds = time.monotonic() - begun
    reads_go_on(world)
    counted = count_stock(world)
    noticed(world, writer, "LOG_CHANGED", "TOPIC_UNKNOWN")
    world.say("the topic was removed: reader and writer stopped")
    repair(world, "reseed", writer, reader)
    on_hand_is(world, counted)
    return f"the topic that was removed noticed after {seconds:.1f} s"


def lost_events(room):
    return room.metric("weft_engine_events_lost_total")


def pass_retention(world):
    """A room is down while retention takes what it has not read."""
    room, writer = world.house["inventory-projection"], world.house["erp-connector"]
    room.kill()
    count_stock(world)
    silent = [{"outboxRows": 1}]
    wait_until("the counts are on the log", lambda: all(
        int(part.get("outboxRows", 0)) == 0 for part in writer.log_status().get("rooms", silent)))
    admin(world, "empty", "weft.stock.movements.v1")
    room.start()
    begun = time.monotonic()
    noticed(world, room, "OFFSET_GONE")
    seconds = time.monotonic() - begun
    reads_go_on(world)
    world.say("retention has passed: the reader stopped")
    repair(world, "reseed", room)
    on_hand_is(world, count_stock(world))
    wait_until("what was lost is told", lambda: lost_events(room) > 0)
    lost = lost_events(room)
    if lost != len(kill_test.SKUS):
        world.problem(f"{len(kill_test.SKUS)} counts were lost, and {lost:.0f} are told")
    return f"retention noticed after {seconds:.1f} s, {lost:.0f} events told as lost"


def log_lost(world, *steps):
    """Each of them noticed, answered from the state, repaired by an operator; in the end
    all that callers were ever told holds."""
    world.build()
    world.under_load(1)
    world.load.end()
    told = [step(world) for step in steps or (remove_topic, pass_retention, wipe_broker)]
    return "; ".join([*told, go_on(world)])


def broker_wiped(world):
    return log_lost(world, wipe_broker)


def topic_anew(world):
    return log_lost(world, remove_topic)


def retention_passed(world):
    return log_lost(world, pass_retention)
