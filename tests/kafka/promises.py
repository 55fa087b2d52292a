"""What has to hold of everything callers were told, from what they asked for and what
they were answered, not from what the mesh says of itself.

    reservations_of(answers)         name -> what callers were told of it, in the end
    look_at(load)                    every one of them, before anything is repeated
    ask_again(load, keys)            each answer is given again, the same, under its key
    count_effects(load, lines)       each thing done is on the topics once, and nothing else
"""
import collections
import dataclasses
import threading
import time

import kill_test

VERBS = {":confirm": "CONFIRMED", ":release": "RELEASED"}
CHANGED = "weft.inventory.v1.ReservationChanged"
RELEASED = "weft.sales.v1.OrderReleased"
PLACED = "order.place"
READERS = 4
PAGE = 500


@dataclasses.dataclass
class Told:
    """One thing that a caller was told of."""
    sku: str
    quantity: int
    state: str = "HELD"
    changes: int = 1


def reservations_of(answers):
    found = {}
    for path, body, answer in answers:
        if path == "/v1/reservations":
            line = body["lines"][0]
            told = found.setdefault(answer["name"], Told("", 0, "", 0))
            told.sku, told.quantity = line["sku"], int(line["quantity"]["value"])
            told.state = told.state or "HELD"
            told.changes += 1
        for verb, state in VERBS.items():
            if path.endswith(verb):
                # In whatever order callers were told: each has one verb at most.
                told = found.setdefault(path[len("/v1/"):-len(verb)], Told("", 0, "", 0))
                told.state = state
                told.changes += 1
    return found


def in_parallel(work, things):
    """Reads are most of the time at the end, so a few at once."""
    things, lock = list(things), threading.Lock()

    def run():
        while True:
            with lock:
                if not things:
                    return
                mine = things.pop()
            work(mine)

    threads = [threading.Thread(target=run, daemon=True) for _ in range(READERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


class Reader:
    """Callers for in_parallel, one a thread."""

    def __init__(self, load):
        self.load, self.local = load, threading.local()

    def mine(self):
        if not hasattr(self.local, "caller"):
            self.local.caller = kill_test.Caller(self.load.house)
        return self.local.caller

    def get(self, path):
        return self.load.get_until_decided(self.mine(), path)


def plain(state, prefix):
    return state.replace(prefix, "")


def look_at(load):
    reader = Reader(load)

    def reservation(item):
        name, told = item
        result = reader.get("/v1/" + name)
        if result is None or result[0] != 200:
            load.problem(f"LOST: {name} was acknowledged and is now {result}")
            return
        state = plain(result[1]["state"], "RESERVATION_STATE_")
        if state != told.state:
            load.problem(f"LOST: {name} was told to be {told.state} and is {state}")
        lines = [(line["sku"], int(line["baseQuantity"])) for line in result[1]["lines"]]
        if told.sku and lines != [(told.sku, told.quantity)]:
            load.problem(f"{name} was asked for {told.quantity} {told.sku} and has {lines}")

    def order(item):
        name, key = item
        result = reader.get("/v1/" + name)
        if result is None or result[0] != 200:
            load.problem(f"LOST: {name} was acknowledged and is now {result}")
            return
        body = load.answers[key][1]
        asked = [(line["sku"], line["quantity"]["value"]) for line in body["lines"]]
        has = [(line["sku"], line["quantity"]["value"]) for line in result[1]["lines"]]
        if result[1]["externalOrderId"] != key or has != asked:
            load.problem(f"{name} is {key} of {asked} and says {result[1]}")

    in_parallel(reservation, reservations_of(load.answers.values()).items())
    in_parallel(order, list(load.orders.items()))


def ask_again(load, keys):
    reader = Reader(load)
    in_parallel(lambda key: load.ask_again([key], reader.mine()), keys)


def pages(load, path, field):
    """All of a list, or None and a problem."""
    caller, token, found = kill_test.Caller(load.house), "", []
    while True:
        result = load.get_until_decided(caller, f"{path}?pageSize={PAGE}&pageToken={token}")
        if result is None or result[0] != 200:
            load.problem(f"{path} is not listed: {result}")
            return None
        found += result[1].get(field, [])
        token = result[1].get("nextPageToken", "")
        if not token:
            return found


def orders_at_rest(load):
    """All orders, by name, once nothing inside the mesh moves them any more."""
    while True:
        listed = pages(load, "/v1/orders", "orders")
        if listed is None:
            return {}
        orders = {order["name"]: order for order in listed}
        if len(orders) != len(listed):
            load.problem("an order is listed twice")
        moving = [order for order in listed
                  if plain(order["state"], "ORDER_STATE_") not in kill_test.AT_REST]
        if not moving:
            return orders
        if time.monotonic() > load.give_up:
            load.problem(f"{len(moving)} orders do not come to rest: {moving[0]}")
            return orders
        time.sleep(0.5)


def check_orders(load):
    """Each is there once, as SENT, and has one export. Returns the orders by name."""
    orders = orders_at_rest(load)
    exports = pages(load, "/v1/erp/exports", "exports") or []
    external = {order["externalOrderId"] for order in orders.values()}
    if len(external) != len(orders):
        load.problem("an order of a shop is there twice")
    for name in orders.keys() - load.orders.keys():
        load.problem(f"nobody was told of {name}: {orders[name]}")
    for name in load.orders.keys() - orders.keys():
        load.problem(f"LOST: {name} is not listed")
    for name, order in orders.items():
        state = plain(order["state"], "ORDER_STATE_")
        if state != "SENT":
            # There is stock, a price and no limit: nothing but a fault of ours stops it.
            load.problem(f"{name} ended as {state}: {order}")
    # The ERP's side follows by the log.
    while (orders.keys() - {export["order"] for export in exports}
           and time.monotonic() < load.give_up):
        time.sleep(0.5)
        exports = pages(load, "/v1/erp/exports", "exports") or []
    exported = {export["order"]: plain(export["state"], "EXPORT_STATE_") for export in exports}
    for name in orders.keys() - exported.keys():
        load.problem(f"LOST: {name} is not exported")
    for name in exported.keys() - orders.keys():
        load.problem(f"{name} is exported and nobody knows it")
    return orders


def check_sums(load, orders):
    """What is reserved, from what was asked for and answered alone."""
    expected = collections.Counter()
    for told in reservations_of(load.answers.values()).values():
        if told.state != "RELEASED":
            expected[told.sku] += told.quantity
    for name in orders:
        if name in load.orders:
            for line in load.answers[load.orders[name]][1]["lines"]:
                expected[line["sku"]] += int(line["quantity"]["value"])
    result = kill_test.Caller(load.house).call(
        "POST", "/v1/availability:query", {"lines": [{"sku": sku} for sku in kill_test.SKUS]})
    if result is None or result[0] != 200:
        load.problem(f"availability is not answered: {result}")
        return
    for line in result[1]["lines"]:
        reserved = int(line.get("reserved", "0"))
        if reserved > kill_test.ON_HAND:
            load.problem(f"{line['sku']} is promised twice")
        if reserved != expected[line["sku"]]:
            load.problem(f"{line['sku']}: {reserved} reserved, callers were promised "
                         f"{expected[line['sku']]}")


def check_audit(load):
    """The chain is whole."""
    caller, start, joint = kill_test.Caller(load.house), 1, ""
    while True:
        result = load.get_until_decided(
            caller, f"/v1/audit-entries:verify?fromSequence={start}&fromHash={joint}")
        if result is None or result[0] != 200 or not result[1].get("intact"):
            load.problem(f"the audit trail is broken: {result}")
            return
        if result[1].get("complete"):
            return
        start, joint = int(result[1]["lastSequence"]) + 1, result[1]["lastHash"]


def count_effects(load, lines, orders):
    """`lines` of weft_log_check --effects: what was done is told on the topics once."""
    seen = collections.defaultdict(collections.Counter)
    for line in lines:
        word, *rest = line.split(" ")
        if word == "effect" and len(rest) == 3:
            seen[rest[0]][rest[1]] = int(rest[2])
    changes = {name: told.changes
               for name, told in reservations_of(load.answers.values()).items()}
    # Held, then made firm.
    changes |= {order["reservation"]: 2 for order in orders.values() if order.get("reservation")}
    once = dict.fromkeys(load.orders, 1)
    for kind, expected in ((CHANGED, changes), (RELEASED, once), (PLACED, once)):
        for subject in expected.keys() | seen[kind].keys():
            if seen[kind][subject] != expected.get(subject, 0):
                load.problem(f"{subject} has {seen[kind][subject]} {kind} on the log, not "
                             f"{expected.get(subject, 0)}")
