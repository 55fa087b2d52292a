"""Event streams of two tenants at once: each tells its own, and nothing of the other."""
import json
import threading
import urllib.request


class Stream:
    """A watch as a shop holds it: server-sent events, collected until it is closed."""

    def __init__(self, mesh, path, headers):
        self.text, self.lock = "", threading.Lock()
        request = urllib.request.Request(
            mesh.rest + path, headers={"Accept": "text/event-stream", **headers})
        self.answer = urllib.request.urlopen(request, timeout=300)
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def read(self):
        try:
            for line in self.answer:
                with self.lock:
                    self.text += line.decode()
        except (OSError, ValueError, AttributeError):
            pass  # It was closed, or the mesh stops.

    def said(self):
        with self.lock:
            return self.text

    def tells(self, what):
        return what in self.said()


def check_watches(mesh, order, other, headers, round_name, ask, wait_until):
    """`other`: the second tenant; `headers`: its token."""
    mine, foreign = f"MINE-{round_name}", f"FOREIGN-{round_name}"
    items = f"skus={mine}&skus={foreign}"

    def open_streams(token):
        return {path: Stream(mesh, path, token) for path in (
            "/v1/prices:watch", f"/v1/availability:watch?{items}", "/v1/activations:watch?from=1")}

    ours, theirs = open_streams({}), open_streams(headers)
    status, answer = ask(mesh, f"/v1/{order['name']}:watch", headers=headers)
    assert status == 404, (status, answer)
    for streams in (ours, theirs):
        # The first message of each says where it begins.
        wait_until("a stream begins", lambda streams=streams: all(
            "data:" in stream.said() for path, stream in streams.items()
            if "activations" not in path))

    def change(connection, sku, price, place, count, token):
        when = "2026-01-06T08:00:00Z"
        messages = [
            {"type": "item", "data": {"sku": sku, "name": sku, "baseUnit": "EA"}},
            {"type": "price", "data": {"book": "LIST", "sku": sku, "entry": "1", "tiers": [
                {"minimumQuantity": 1, "price": price}]}},
            {"type": "stock.count", "data": {"sku": sku, "location": place, "onHand": count,
                                             "safety": 0, "watermark": when}},
        ]
        for message in messages:
            message.update(id=f"{message['type']}-{sku}", changedAt=when)
        status, answer = ask(
            mesh, f"/v1/erp/{connection}:ingest",
            {"text": "\n".join(json.dumps(message) for message in messages)},
            headers={"Idempotency-Key": f"watched-{sku}", **token})
        assert status == 200, answer

    prices, stock, rules = theirs
    change("demo", mine, "47.11", "WH1", 4711, {})
    wait_until("the first tenant's streams tell its changes",
               lambda: ours[prices].tells(mine) and ours[stock].tells('"4711"'))
    # What comes later in their streams shows that nothing is still on its way.
    change(other, foreign, "8.15", "ELSEWHERE", 815, headers)
    wait_until("the second tenant's streams tell its changes",
               lambda: theirs[prices].tells(foreign) and theirs[stock].tells('"815"'))
    assert mine not in theirs[prices].said(), theirs[prices].said()
    for trace in ('"4711"', "WH1", "WH2"):
        assert trace not in theirs[stock].said(), theirs[stock].said()
    assert "data:" not in theirs[rules].said(), theirs[rules].said()
    assert foreign not in ours[prices].said() and '"815"' not in ours[stock].said()
