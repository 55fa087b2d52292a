#!/usr/bin/env python3
"""Tries every door of the mesh with what does not fit, and reads what it says.

    doors.py --weftd BIN --weft BIN [--source DIR] [--show]

Starts weftd twice: open, as on a laptop, and with tokens required. Each case is one
row: what is sent, and the HTTP status and reason that must come back. Besides that
every error has exactly one ErrorInfo and a message, and its reason is listed in the
README of the room that said it or of the libraries every room is made of.

--show prints what came back for every row. Exit 1 and what is wrong otherwise.
"""
import argparse
import base64
import hashlib
import http.client
import json
import os
import queue
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from typing import Any, NamedTuple

JSON = {"Content-Type": "application/json"}
ISSUER, FOREIGN_ISSUER = "https://id.example.com/", "https://other.example.com/"
# Where the reasons of a domain are listed, besides LIBRARIES.
READMES = {
    "gateway": "services/gateway", "pricing": "services/pricing",
    "inventory-projection": "services/inventory-projection",
    "inventory": "services/inventory-projection", "approval": "services/approval",
    "reorder": "services/reorder", "erp-connector": "services/erp-connector",
    "erp": "services/erp-connector", "documents": "libs/service",
}
LIBRARIES = ["libs/rpc", "libs/engine", "libs/service", "libs/rules"]
AT_REST = {"SENT", "REJECTED", "CANCELLED", "FAILED", "PENDING_APPROVAL"}


class Case(NamedTuple):
    """One row. With `at`, the reason stands in a good answer, at that dotted path, and
    `room` says whose README lists it."""
    name: str
    method: str
    path: str
    headers: dict
    body: Any  # A str is sent as it is, None sends nothing, everything else as JSON.
    status: int
    reason: str
    at: str = ""
    room: str = ""


def post(name, path, body, status, reason, at="", room="", **headers):
    headers = {k.replace("_", "-"): v for k, v in headers.items()}
    if "Idempotency-Key" not in headers:
        headers["Idempotency-Key"] = "k-" + hashlib.sha256(name.encode()).hexdigest()[:16]
    if headers["Idempotency-Key"] is None:
        del headers["Idempotency-Key"]
    return Case(name, "POST", path, {**JSON, **headers}, body, status, reason, at, room)


def get(name, path, status, reason, **headers):
    return Case(name, "GET", path, {k.replace("_", "-"): v for k, v in headers.items()}, None,
                status, reason)


class Weftd:
    def __init__(self, binary, folder, name, settings):
        self.folder = os.path.join(folder, name)
        os.makedirs(self.folder)
        config = os.path.join(self.folder, "config.yaml")
        with open(config, "w", encoding="utf-8") as out:
            out.write("service:\n  health_address: 127.0.0.1:0\n"
                      "  admin_address: 127.0.0.1:0\n" + settings)
        self.process = subprocess.Popen(
            [binary, "--data", os.path.join(self.folder, "data"), "--port", "0",
             "--config", config],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.lines, up = [], queue.Queue()
        threading.Thread(target=self._read, args=(up,), daemon=True).start()
        self.port = up.get(timeout=120)
        if self.port is None:
            raise RuntimeError("weftd does not come up:\n" + "".join(self.lines[-20:]))

    def _read(self, up):
        for raw in self.process.stderr:
            line = raw.decode(errors="replace")
            self.lines = (self.lines + [line])[-200:]
            found = re.search(r"REST\s+http://127\.0\.0\.1:(\d+)", line)
            if found:
                up.put(int(found.group(1)))
        up.put(None)

    def send(self, case):
        """(status, headers, text); a connection of its own, as a refusal may end it."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        body = case.body
        if body is not None and not isinstance(body, (str, bytes)):
            body = json.dumps(body)
        if isinstance(body, str):
            body = body.encode("utf-8", "surrogateescape")
        try:
            connection.request(case.method, case.path, body, case.headers)
        except (BrokenPipeError, ConnectionResetError):
            pass  # Refused before all of it was sent; the answer is there to be read.
        response = connection.getresponse()
        text = response.read()
        connection.close()
        return response.status, response.headers, text

    def talk(self, octets):
        """What is said to octets that may be no HTTP."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=60) as connection:
            connection.sendall(octets)
            response = http.client.HTTPResponse(connection)
            response.begin()
            return response.status, json.loads(response.read())

    def call(self, method, path, body=None, **headers):
        case = (get(path, path, 200, "", **headers) if method == "GET"
                else post(path + json.dumps(body), path, body, 200, "", **headers))
        status, _, text = self.send(case)
        if status != 200:
            raise RuntimeError(f"{method} {path} must work here: {status} {text[:500]!r}")
        return json.loads(text)

    def await_order(self, name, states=AT_REST, **headers):
        deadline = time.monotonic() + 60
        while True:
            order = self.call("GET", "/v1/" + name, **headers)
            if order["state"].replace("ORDER_STATE_", "") in states:
                return order
            if time.monotonic() > deadline:
                raise RuntimeError(f"{name} does not come to rest: {order}")
            time.sleep(0.05)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return -1


# --- keys and tokens that `weft token` does not make ------------------------------


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def prime(bits, rng):
    while True:
        n = rng.getrandbits(bits) | 1 | 3 << (bits - 2)
        if all(n % p for p in (3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53)) and \
                all(pow(a, n - 1, n) == 1 for a in (2, 3, 5, 7)) and (n - 1) % 65537:
            return n


class RsaIssuer:
    """Signs any claims, also such as no honest issuer would. For this test only."""

    def __init__(self):
        rng = random.Random(20100)
        p, q = prime(1024, rng), prime(1024, rng)
        self.n, self.d = p * q, pow(65537, -1, (p - 1) * (q - 1))

    def jwks(self):
        return {"keys": [{"kty": "RSA", "kid": "t1", "alg": "RS256", "use": "sig", "e": "AQAB",
                          "n": b64(self.n.to_bytes(256, "big"))}]}

    def token(self, header=None, spoil=False, **claims):
        now = int(time.time())
        all_claims = {"iss": FOREIGN_ISSUER, "aud": "weft", "sub": "ann", "exp": now + 3600,
                      "weft_tenant": "demo", "weft_roles": ["operator"], **claims}
        all_claims = {k: v for k, v in all_claims.items() if v is not None}
        text = (b64(json.dumps(header or {"alg": "RS256", "kid": "t1"}).encode()) + "." +
                b64(json.dumps(all_claims).encode()))
        prefix = bytes.fromhex("3031300d060960864801650304020105000420")
        digest = prefix + hashlib.sha256(text.encode()).digest()
        padded = b"\0\1" + b"\xff" * (256 - 3 - len(digest)) + b"\0" + digest
        signature = pow(int.from_bytes(padded, "big"), self.d, self.n).to_bytes(256, "big")
        if spoil:
            signature = signature[:-1] + bytes([signature[-1] ^ 1])
        return text + "." + b64(signature)


# --- the world ---------------------------------------------------------------------


def message(kind, data, number=[0]):
    number[0] += 1
    return {"type": kind, "id": f"m{number[0]}", "data": data}


def furnish(weftd, **headers):
    def price(sku, amount):
        return message("price", {"book": "LIST", "sku": sku,
                                 "tiers": [{"minimumQuantity": 1, "price": amount}]})

    def count(sku, on_hand):
        return message("stock.count", {"sku": sku, "location": "MAIN", "onHand": on_hand,
                                       "watermark": "2026-01-01T00:00:00Z"})

    messages = [
        message("load.begin", {"load": "L", "entities": [
            "item", "account", "location", "price-book", "price", "user"]}),
        message("location", {"location": "MAIN", "priority": 1}),
        message("account", {"account": "A1", "currencyCode": "GBP"}),
        message("account", {"account": "A2", "currencyCode": "GBP"}),
        message("account", {"account": "BLOCKED", "currencyCode": "GBP", "orderBlocked": True}),
        message("account", {"account": "POOR", "currencyCode": "GBP"}),
        message("credit", {"account": "POOR", "watermark": "2026-01-01T00:00:00Z",
                           "limit": {"amount": "1", "currencyCode": "GBP"},
                           "openBalance": {"amount": "0", "currencyCode": "GBP"}}),
        message("user", {"user": "ann", "account": "A1", "manager": "bob",
                         "roles": [{"role": "buyer"}]}),
        message("user", {"user": "bob", "account": "A1", "roles": [{"role": "buyer-approver"}],
                         "approvalLimit": {"amount": "50000", "currencyCode": "GBP"}}),
        message("user", {"user": "eve", "account": "A1", "roles": [{"role": "buyer"}]}),
        message("price-book", {"book": "LIST", "currencyCode": "GBP"}),
        message("item", {"sku": "S1", "baseUnit": "EA"}),
        message("item", {"sku": "BIG", "baseUnit": "EA"}),
        message("item", {"sku": "NOPRICE", "baseUnit": "EA"}),
        message("item", {"sku": "GONE", "baseUnit": "EA", "state": "DISCONTINUED"}),
        *(message("item", {"sku": sku, "baseUnit": "EA"})
          for sku in ("MIN", "SOON", "PAST", "DEAR", "ZERO", "UNLISTED")),
        price("ZERO", "0"),
        message("contract", {"contract": "K", "account": "A2", "sku": "UNLISTED",
                             "discountPercent": 5}),
        message("item", {"sku": "CASED", "baseUnit": "EA", "units": [
            {"unit": "CS", "numerator": 12, "denominator": 1}]}),
        price("CASED", "1"), count("CASED", 1000),
        price("S1", "2.50"), price("BIG", "2000"), price("DEAR", "9" * 18),
        message("price", {"book": "LIST", "sku": "MIN",
                          "tiers": [{"minimumQuantity": 10, "price": 1}]}),
        message("price", {"book": "LIST", "sku": "SOON", "validFrom": "2099-01-01T00:00:00Z",
                          "tiers": [{"minimumQuantity": 1, "price": 1}]}),
        message("price", {"book": "LIST", "sku": "PAST", "validTo": "2020-01-01T00:00:00Z",
                          "tiers": [{"minimumQuantity": 1, "price": 1}]}),
        count("S1", 1000), count("BIG", 1000), count("NOPRICE", 1000),
        message("load.end", {"load": "L"}),
    ]
    answer = weftd.call("POST", "/v1/erp/demo:ingest",
                        {"text": "\n".join(json.dumps(m) for m in messages)}, **headers)
    if answer["problems"]:
        raise RuntimeError(f"the ERP's first messages are parked: {answer['problems']}")
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        stock = weftd.call("POST", "/v1/availability:query", {"lines": [{"sku": "NOPRICE"}]},
                           **headers)["lines"][0]
        prices = weftd.call("POST", "/v1/prices:calculate", {
            "account": "A1", "lines": [{"sku": "BIG", "quantity": {"value": "1"}}]},
            **headers) if stock.get("onHand") == "1000" else {}
        if prices.get("total") and weftd.call("GET", "/v1/erp/connections", **headers)[
                "connections"][0]["loaded"]:
            break
        time.sleep(0.05)
    else:
        raise RuntimeError("the first messages do not arrive")
    # Accounts reach approval by a way of their own; an order that is taken tells.
    while time.monotonic() < deadline:
        case = post("first order", "/v1/orders", order_of("S1", "1", externalOrderId="first"),
                    200, "", **headers)
        status, _, text = weftd.send(case)
        if status == 200:
            return json.loads(text)["name"]
        time.sleep(0.05)
    raise RuntimeError(f"approval takes no order: {text!r}")


def order_of(sku, quantity, **more):
    return {"account": "A1", "user": "ann",
            "lines": [{"sku": sku, "quantity": {"value": quantity}}], **more}


def in_an_hour(hours=1):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + hours * 3600))


# --- the rows: open mode -----------------------------------------------------------


def gateway_cases():
    calculate = "/v1/prices:calculate"
    fine = {"account": "A1", "lines": [{"sku": "S1", "quantity": {"value": "1"}}]}
    text = json.dumps(fine)
    rows = [
        get("no such path", "/v1/nothing", 404, "ROUTE_NOT_FOUND"),
        get("no path at all", "/", 404, "ROUTE_NOT_FOUND"),
        get("no such verb", "/v1/reservations:explode", 404, "ROUTE_NOT_FOUND"),
        get("GET where POST belongs", calculate, 405, "METHOD_NOT_ALLOWED"),
        Case("DELETE of an order", "DELETE", "/v1/orders/1", {}, None, 405,
             "METHOD_NOT_ALLOWED"),
        get("a broken escape", "/v1/orders/%zz", 400, "URL_MALFORMED"),
        get("escapes that are no UTF-8", "/v1/orders/%ff%fe", 400, "URL_MALFORMED"),
        get("an unknown parameter", "/v1/orders?colour=red", 400, "UNKNOWN_PARAMETER"),
        post("a parameter that belongs into the body", calculate + "?account=A1", fine, 400,
             "UNKNOWN_PARAMETER"),
        get("text where a number belongs", "/v1/orders?pageSize=many", 400,
            "PARAMETER_MALFORMED"),
        get("a state that is none", "/v1/orders?state=HAPPY", 400, "PARAMETER_MALFORMED"),
        get("two values for one", "/v1/orders?pageSize=1&pageSize=2", 400, "PARAMETER_REPEATED"),
        Case("a body with GET", "GET", "/v1/orders", JSON, {"a": 1}, 400, "BODY_NOT_ALLOWED"),
        post("no media type of ours", calculate, text, 415, "MEDIA_TYPE_NOT_SUPPORTED",
             Content_Type="text/plain"),
        post("a packed body", calculate, text, 415, "MEDIA_TYPE_NOT_SUPPORTED",
             Content_Encoding="gzip"),
        post("10 MiB", calculate, json.dumps({"account": "x" * (10 << 20)}), 413,
             "BODY_TOO_LARGE"),
        get("a URL of 9 KiB", "/v1/orders?account=" + "x" * 9216, 414, "URL_TOO_LONG"),
        get("headers of 40 KiB", "/v1/orders", 431, "HEADERS_TOO_LARGE", X_Long="x" * 40960),
        post("a key with a blank", "/v1/orders", order_of("S1", "1"), 400,
             "IDEMPOTENCY_KEY_MALFORMED", Idempotency_Key="two words"),
        post("a key of 300 characters", "/v1/orders", order_of("S1", "1"), 400,
             "IDEMPOTENCY_KEY_MALFORMED", Idempotency_Key="k" * 300),
        post("an empty key", "/v1/orders", order_of("S1", "1"), 400,
             "IDEMPOTENCY_KEY_MALFORMED", Idempotency_Key=""),
        post("two keys", "/v1/orders", order_of("S1", "1", requestId="other"), 400,
             "REQUEST_ID_CONFLICT"),
        get("no time", "/v1/orders", 400, "TIMEOUT_MALFORMED", Grpc_Timeout="soon"),
        get("no time of Connect", "/v1/orders", 400, "TIMEOUT_MALFORMED",
            Connect_Timeout_Ms="-5"),
        get("no time left", "/v1/orders", 504, "DEADLINE_PASSED", Connect_Timeout_Ms="0"),
        get("another name for this machine", "/v1/orders", 403, "HOST_NOT_ALLOWED",
            Host="shop.example.com"),
        get("a page of another origin", "/v1/orders", 403, "ORIGIN_NOT_ALLOWED",
            Origin="https://evil.example.com"),
        get("a token where nobody issues any", "/v1/orders", 401, "TOKEN_INVALID",
            Authorization="Bearer nonsense"),
    ]
    # Every mutation of every room needs a key, and reads what it is sent the same way.
    bodies = {
        "/v1/orders": "SubmitOrder", "/v1/orders/1:cancel": "", "/v1/quotes": "",
        "/v1/quotes/1:send": "", "/v1/quotes/1:accept": "", "/v1/quotes/1:decline": "",
        "/v1/approvals/1:decide": "", "/v1/reservations": "", "/v1/reservations/1:confirm": "",
        "/v1/reservations/1:extend": "", "/v1/reservations/1:release": "",
        "/v1/orders/1:reorder": "", "/v1/invoices/1:reorder": "", "/v1/erp/demo:ingest": "",
        "/v1/erp/parked/1:replay": "", "/v1/erp/parked/1:discard": "",
        "/v1/erp/loads/1:resolve": "", "/v1/erp/exports/1:send": "",
    }
    for path in bodies:
        rows.append(post(f"{path} without a key", path, {}, 400, "REQUEST_ID_REQUIRED",
                         Idempotency_Key=None))
    rows.append(Case("a policy without a key", "PUT", "/v1/policies/default", JSON, {}, 400,
                     "REQUEST_ID_REQUIRED"))
    for path in [*bodies, calculate, "/v1/prices:explain", "/v1/availability:query"]:
        rows += [
            post(f"{path} half a body", path, '{"a": ', 400, "BODY_MALFORMED"),
            post(f"{path} with a list", path, "[]", 400, "BODY_MALFORMED"),
            post(f"{path} with a comment", path, "{/* no */}", 400, "BODY_MALFORMED"),
            post(f"{path} no UTF-8", path, '{"a":"\udcff"}', 400, "BODY_MALFORMED"),
            post(f"{path} with an unknown field", path, {"colour": "red"}, 400,
                 "UNKNOWN_FIELD"),
        ]
    rows += [
        post("nested very deep", calculate, '{"lines":' + "[" * 5000, 400, "BODY_MALFORMED"),
        post("a field twice", calculate, '{"account":"A1","account":"A2"}', 400,
             "FIELD_REPEATED"),
        post("a number where text belongs", calculate, {"account": 1}, 400, "FIELD_MALFORMED"),
        post("an object where a list belongs", calculate, {"lines": {}}, 400,
             "FIELD_MALFORMED"),
        post("an object where text belongs", calculate, {"account": {"id": 1}}, 400,
             "FIELD_MALFORMED"),
        post("a list where text belongs", calculate, {"account": ["A1"]}, 400,
             "FIELD_MALFORMED"),
        post("an object where a moment belongs", calculate, {**fine, "asOf": {"seconds": 1}},
             400, "FIELD_MALFORMED"),
        post("null in a list", calculate, {"lines": [None]}, 400, "FIELD_MALFORMED"),
        post("text where a message belongs", calculate,
             {"lines": [{"sku": "S1", "quantity": "1"}]}, 400, "FIELD_MALFORMED"),
        post("no moment", calculate, {**fine, "asOf": "tomorrow"}, 400, "FIELD_MALFORMED"),
        post("an include that is none", calculate, {**fine, "include": ["INCLUDE_LUCK"]}, 400,
             "FIELD_MALFORMED"),
        post("an order with text for lines", "/v1/orders", {"lines": "S1"}, 400,
             "FIELD_MALFORMED"),
        post("lines to cancel in words", "/v1/orders/1:cancel", {"lines": ["first"]}, 400,
             "FIELD_MALFORMED"),
        post("a line number beyond 32 bits", "/v1/orders/1:cancel", {"lines": [2**40]}, 400,
             "FIELD_MALFORMED"),
        post("a decision in other words", "/v1/approvals/1:decide", {"decision": "MAYBE"}, 400,
             "FIELD_MALFORMED"),
        post("a message as an object", "/v1/erp/demo:ingest", {"text": {"type": "item"}}, 400,
             "FIELD_MALFORMED"),
    ]
    return rows


def price_cases():
    path = "/v1/prices:calculate"

    def line(name, reason, sku="S1", quantity="1", unit="", **more):
        one = {"sku": sku, "quantity": {"value": quantity, "unit": unit}}
        return post(name, path, {"account": "A1", "lines": [one], **more}, 200, reason,
                    at="lines.0.reason.reason", room="pricing")

    def ask(name, status, reason, **more):
        body = {"account": "A1", "lines": [{"sku": "S1", "quantity": {"value": "1"}}], **more}
        return post(name, path, body, status, reason)

    rows = [line(f"price of {quantity!r}", "INVALID_QUANTITY", quantity=quantity)
            for quantity in ("-1", "0", "", "five", "1e3", "1,5", "NaN", "Infinity", " 1",
                             "1234567890123456789", "1.2345678901234567890")]
    rows += [
        line("price of an unknown item", "UNKNOWN_ITEM", sku="NOTHING"),
        line("price of no item", "UNKNOWN_ITEM", sku=""),
        line("price of a very long SKU", "UNKNOWN_ITEM", sku="x" * 10000),
        line("price of a discontinued item", "ITEM_DISCONTINUED", sku="GONE"),
        line("price in an unknown unit", "UNKNOWN_UNIT", unit="PALLET"),
        line("price nobody states", "NO_PRICE", sku="NOPRICE"),
        line("price below the minimum", "BELOW_MINIMUM", sku="MIN"),
        line("price of next century", "NOT_YET_VALID", sku="SOON"),
        line("price of the past", "NO_LONGER_VALID", sku="PAST"),
        line("price of more than there is money", "AMOUNT_TOO_LARGE", sku="DEAR",
             quantity="9" * 18),
        line("price in another currency", "NO_PRICE_IN_CURRENCY", currencyCode="JPY"),
        post("price by an unknown number of the buyer", path,
             {"account": "A1", "lines": [{"customerSku": "?", "quantity": {"value": "1"}}]},
             200, "UNKNOWN_CUSTOMER_SKU", at="lines.0.reason.reason", room="pricing"),
        ask("price in no currency", 400, "CURRENCY_UNKNOWN", currencyCode="POUNDS"),
        ask("price for a guest without currency", 400, "CURRENCY_REQUIRED", account=""),
        ask("price for an unknown account", 404, "ACCOUNT_NOT_FOUND", account="NOBODY"),
        ask("price for a very long account", 404, "ACCOUNT_NOT_FOUND", account="x" * 10000),
        ask("price of nothing", 400, "LINES_REQUIRED", lines=[]),
        ask("price of 5,001 lines", 400, "TOO_MANY_LINES",
            lines=[{"sku": "S1", "quantity": {"value": "1"}}] * 5001),
        ask("price of 201 lines in the past", 400, "TOO_MANY_LINES",
            knownAt="2026-01-01T00:00:00Z",
            lines=[{"sku": "S1", "quantity": {"value": "1"}}] * 201),
        ask("price with an unknown number to include", 400, "INCLUDE_UNKNOWN", include=[77]),
        ask("price after no token", 400, "TOKEN_INVALID", after="yesterday"),
        post("a price of 0", "/v1/prices:explain", {"account": "A1", "line": {
            "sku": "ZERO", "quantity": {"value": "1"}}}, 200, "ZERO_PRICE",
             at="candidates.0.lost.reason", room="pricing"),
        post("a discount off nothing", "/v1/prices:explain", {"account": "A2", "line": {
            "sku": "UNLISTED", "quantity": {"value": "1"}}}, 200, "NO_LIST_PRICE",
             at="candidates.0.lost.reason", room="pricing"),
        post("explanation of no line", "/v1/prices:explain", {"account": "A1"}, 200,
             "UNKNOWN_ITEM", at="line.reason.reason", room="pricing"),
        get("a decision that is none", "/v1/decisions/abc", 404, "DECISION_NOT_FOUND"),
        get("a decision of 10,000 characters", "/v1/decisions/" + "a" * 5000, 404,
            "DECISION_NOT_FOUND"),
        post("a replay of no decision", "/v1/decisions/abc:replay", {}, 404,
             "DECISION_NOT_FOUND"),
        post("a lock without a key", "/v1/prices:lock", {"account": "A1", "lines": [
            {"sku": "S1", "quantity": {"value": "1"}}]}, 400, "REQUEST_ID_REQUIRED",
             Idempotency_Key=None),
        post("a lock for nobody", "/v1/prices:lock", {"currencyCode": "GBP", "lines": [
            {"sku": "S1", "quantity": {"value": "1"}}]}, 400, "ACCOUNT_REQUIRED"),
        post("a lock of nothing", "/v1/prices:lock", {"account": "A1"}, 400, "LINES_REQUIRED"),
        post("a lock of 201 lines", "/v1/prices:lock", {"account": "A1", "lines": [
            {"sku": "S1", "quantity": {"value": "1"}}] * 201}, 400, "TOO_MANY_LINES"),
        post("a lock of what has no price", "/v1/prices:lock", {"account": "A1", "lines": [
            {"sku": "NO-SUCH", "quantity": {"value": "1"}}]}, 400, "NOTHING_TO_LOCK"),
        post("a lock for a century", "/v1/prices:lock", {
            "account": "A1", "expireTime": "2126-01-01T00:00:00Z",
            "lines": [{"sku": "S1", "quantity": {"value": "1"}}]}, 400, "FIELD_INVALID"),
        post("a text that is no lock", "/v1/price-locks:verify", {"priceLock": "a.b.c"}, 200,
             "LOCK_MALFORMED", at="reason.reason", room="pricing"),
        post("a lock of 600 kB", "/v1/price-locks:verify", {"priceLock": "a" * 600000}, 200,
             "LOCK_MALFORMED", at="reason.reason", room="pricing"),
        post("prices with a text that is no lock", path, {
            "account": "A1", "priceLock": "eyJ",
            "lines": [{"sku": "S1", "quantity": {"value": "1"}}]}, 200, "LOCK_MALFORMED",
             at="priceLockUse.reason.reason", room="pricing"),
        get("a watch with a foreign token", "/v1/prices:watch?resumeToken=yesterday", 400,
            "RESUME_TOKEN_INVALID"),
        get("a watch with a foreign event id", "/v1/prices:watch", 400, "RESUME_TOKEN_INVALID",
            Accept="text/event-stream", Last_Event_ID="yesterday"),
        get("a watch of 1,001 accounts", "/v1/prices:watch?" + "&".join(["accounts=A1"] * 1001),
            414, "URL_TOO_LONG"),
        post("a comparison of nothing", "/v1/prices:compare", {}, 400, "LINES_REQUIRED"),
        post("a comparison with a price in words", "/v1/prices:compare", {"lines": [
            {"account": "A1", "sku": "S1", "quantity": {"value": "1"}, "unitPrice": "ten"}]},
             400, "FIELD_INVALID"),
        post("a comparison with a gate in words", "/v1/prices:compare", {
            "lines": [{"account": "A1", "sku": "S1", "quantity": {"value": "1"}}],
            "gate": {"grossRiskMax": "a lot"}}, 400, "FIELD_INVALID"),
        post("a comparison that fails its gate", "/v1/prices:compare", {
            "lines": [{"account": "A1", "sku": "S1", "quantity": {"value": "1"},
                       "unitPrice": "999999"}],
            "gate": {"grossRiskMax": "1", "differentPercentMax": "1"}}, 200,
             "TOO_MANY_DIFFERENCES", at="verdict.reasons.0.reason", room="pricing"),
    ]
    return rows


def document_cases():
    def of(name, verb, status, reason, **body):
        return post(name, "/v1/documents" + verb, body, status, reason)

    return [
        of("a document that is none", "", 400, "DOCUMENT_UNREADABLE", source="id: ["),
        of("a document without an id", "", 400, "DOCUMENT_UNREADABLE", source="kind: RuleSet"),
        of("a document of another tenant", "", 400, "SCOPE_FOREIGN",
           source="{kind: RuleSet, id: x, scope: {tenant: other}}"),
        of("a document that is too large", "", 400, "DOCUMENT_TOO_LARGE",
           source="kind: RuleSet\nid: x\n#" + "x" * (1 << 20)),
        of("a document of another room", "", 400, "ROOM_UNKNOWN", source="{kind: RuleSet, id: x}",
           room="approval"),
        of("a draft over one that is gone", "", 409, "ETAG_MISMATCH",
           source="{kind: RuleSet, id: x}", etag="stale"),
        of("a check of nothing", ":check", 400, "DOCUMENTS_REQUIRED"),
        of("a check of what is not there", ":check", 404, "DOCUMENT_NOT_FOUND",
           documents=[{"id": "not-there"}]),
        of("a publish of nothing", ":publish", 400, "DOCUMENTS_REQUIRED"),
        of("a publish of what is not there", "/not-there:publish", 404, "DOCUMENT_NOT_FOUND"),
        of("a rollback to what is not there", ":rollback", 404, "ACTIVATION_NOT_FOUND",
           activation=999),
        of("a removal of what is not active", ":publish", 404, "DOCUMENT_NOT_FOUND",
           removed=[{"kind": "RuleSet", "id": "not-there"}]),
        of("an approval of what is not there", "/not-there:approve", 404, "DOCUMENT_NOT_FOUND"),
        of("a withdrawal of what is not there", "/not-there:withdraw", 404, "DOCUMENT_NOT_FOUND"),
        of("a case that does not fit its schema", "/pricing.line-price:evaluate", 400,
           "FACTS_INVALID", facts="{}"),
        of("a case for what is not there", "/not-there:evaluate", 404, "DOCUMENT_NOT_FOUND",
           facts="{}"),
        get("a document that is not there", "/v1/documents/not-there", 404, "DOCUMENT_NOT_FOUND"),
        get("documents of another room", "/v1/documents?room=approval", 400, "ROOM_UNKNOWN"),
        get("a negative page of documents", "/v1/documents?pageSize=-1", 400,
            "PAGE_SIZE_INVALID"),
        get("a page of activations from nowhere", "/v1/activations?pageToken=x", 400,
            "PAGE_TOKEN_INVALID"),
    ]


def stock_cases(world):
    def reserve(name, status, reason, lines=None, key=None, **more):
        headers = {"Idempotency_Key": key} if key else {}
        body = {"account": "A1", "expireTime": in_an_hour(),
                "lines": [{"sku": "S1", "quantity": {"value": "1"}}] if lines is None else lines,
                **more}
        return post(name, "/v1/reservations", body, status, reason, **headers)

    def quantity(value, sku="S1", unit=""):
        return [{"sku": sku, "quantity": {"value": value, "unit": unit}}]

    def ask(name, reason, lines):
        return post(name, "/v1/availability:query", {"lines": lines}, 200, reason,
                    at="lines.0.reason.reason", room="inventory-projection")

    held, released, confirmed = world["held"], world["released"], world["confirmed"]
    rows = [reserve(f"reserve {value!r}", 400, "QUANTITY_INVALID", quantity(value))
            for value in ("-1", "0", "", "five", "1e3", "0.0000001", "99999999999999999")]
    rows += [ask(f"is there {value!r}", "QUANTITY_INVALID", quantity(value))
             for value in ("-1", "0", "five")]
    rows += [
        ask("is there an unknown item", "UNKNOWN_ITEM", quantity("1", "NOTHING")),
        ask("is there an unknown unit", "UNKNOWN_UNIT", quantity("1", unit="PALLET")),
        post("is there nothing", "/v1/availability:query", {}, 400, "LINES_REQUIRED"),
        post("are there 5,001", "/v1/availability:query", {"lines": [{"sku": "S1"}] * 5001}, 400,
             "TOO_MANY_LINES"),
        get("watch nothing", "/v1/availability:watch", 400, "LINES_REQUIRED"),
        get("watch 201 items",
            "/v1/availability:watch?" + "&".join(["skus=S1"] * 201), 400, "TOO_MANY_LINES"),
        reserve("reserve nothing", 400, "LINES_REQUIRED", []),
        reserve("reserve 5,001 lines", 400, "TOO_MANY_LINES", quantity("1") * 5001),
        reserve("reserve an unknown item", 400, "UNKNOWN_ITEM", quantity("1", "NOTHING")),
        reserve("reserve in an unknown unit", 400, "UNKNOWN_UNIT", quantity("1", unit="PALLET")),
        reserve("reserve more than there is", 400, "INSUFFICIENT_STOCK", quantity("1000000")),
        reserve("reserve at an unknown place", 400, "INSUFFICIENT_STOCK",
                locations=["NOWHERE"]),
        reserve("reserve until yesterday", 400, "EXPIRY_PASSED", expireTime=in_an_hour(-24)),
        reserve("reserve under the same key again", 400, "REQUEST_ID_REUSED", quantity("2"),
                key="held"),
        get("no reservation", "/v1/reservations/nothing", 404, "RESERVATION_NOT_FOUND"),
        get("a reservation of a very long name", "/v1/reservations/" + "x" * 65, 400,
            "RESERVATION_NAME_INVALID"),
        post("confirm what ran out", f"/v1/{world['expired']}:confirm", {}, 400,
             "RESERVATION_EXPIRED"),
        post("extend what ran out", f"/v1/{world['expired']}:extend",
             {"expireTime": in_an_hour(2)}, 400, "RESERVATION_EXPIRED"),
    ]
    for verb in ("confirm", "extend", "release"):
        body = {"expireTime": in_an_hour(2)} if verb == "extend" else {}
        rows += [post(f"{verb} an unknown reservation", f"/v1/reservations/nothing:{verb}", body,
                      404, "RESERVATION_NOT_FOUND")]
        if verb != "release":
            rows += [post(f"{verb} what was given back", f"/v1/{released}:{verb}", body, 400,
                          "RESERVATION_RELEASED")]
    rows += [
        post("extend what is firm", f"/v1/{confirmed}:extend", {"expireTime": in_an_hour(2)},
             400, "RESERVATION_CONFIRMED"),
        post("confirm for another order", f"/v1/{confirmed}:confirm", {"order": "orders/2"},
             400, "ORDER_DIFFERS"),
        post("extend to yesterday", f"/v1/{held}:extend", {"expireTime": in_an_hour(-24)}, 400,
             "EXPIRY_PASSED"),
        post("extend to nowhere", f"/v1/{held}:extend", {}, 400, "EXPIRY_PASSED"),
        post("undo another one", f"/v1/{held}:release", {"undoOf": "released"}, 400,
             "UNDO_DIFFERS"),
    ]
    return rows


def order_cases(world):
    order, quote = world["order"], world["quote"]

    def submit(name, status, reason, key=None, **more):
        headers = {"Idempotency_Key": key} if key else {}
        return post(name, "/v1/orders", order_of("S1", "1", **more), status, reason, **headers)

    def line(name, **one):
        return submit(name, 400, "LINE_INVALID",
                      lines=[{"sku": "S1", "quantity": {"value": "1"}, **one}])

    rows = [line(f"order {value!r}", quantity={"value": value})
            for value in ("-1", "0", "", "five", "1e3", "99999999999999999999")]
    rows += [
        line("order no item", sku=""),
        line("order a very long SKU", sku="x" * 5000),
        line("order for no money", expectedNet={"amount": "free", "currencyCode": "GBP"}),
        line("order in two currencies", expectedNet={"amount": "1", "currencyCode": "EUR"}),
        line("order with a very long note", note="x" * 5000),
        submit("order nothing", 400, "LINES_REQUIRED", lines=[]),
        submit("order 1,001 lines", 400, "TOO_MANY_LINES",
               lines=[{"sku": "S1", "quantity": {"value": "1"}}] * 1001),
        submit("order for nobody", 400, "ACCOUNT_REQUIRED", account=""),
        submit("order for an unknown account", 404, "ACCOUNT_NOT_FOUND", account="NOBODY"),
        submit("order in no currency", 400, "FIELD_INVALID", currencyCode="POUNDS"),
        submit("order for no day", 400, "FIELD_INVALID", requestedDate="soon"),
        submit("order for a day that is none", 400, "FIELD_INVALID", requestedDate="2026-02-30"),
        submit("order with a very long reference", 400, "FIELD_INVALID",
               buyerReference="x" * 5000),
        submit("order of a very long user", 400, "FIELD_INVALID", user="x" * 5000),
        submit("order with a charge that is none", 400, "FIELD_INVALID",
               charges=[{"kind": "freight", "amount": {"amount": "x", "currencyCode": "GBP"}}]),
        submit("order under an id that is taken", 400, "ORDER_ID_REUSED",
               externalOrderId="first", notes="another content"),
        submit("order under a key that is taken", 400, "REQUEST_ID_REUSED", key="big",
               notes="another content"),
        get("no order", "/v1/orders/nothing", 404, "ORDER_NOT_FOUND"),
        get("watch no order", "/v1/orders/nothing:watch", 404, "ORDER_NOT_FOUND"),
        post("cancel no order", "/v1/orders/nothing:cancel", {}, 404, "ORDER_NOT_FOUND"),
        post("cancel with an old etag", f"/v1/{order}:cancel", {}, 409, "ETAG_MISMATCH",
             ),
        get("orders from a wrong page", "/v1/orders?pageToken=abc", 400, "PAGE_TOKEN_INVALID"),
        get("minus one order", "/v1/orders?pageSize=-1", 400, "FIELD_INVALID"),
        get("orders by an id of no channel", "/v1/orders?externalOrderId=1", 400,
            "FIELD_INVALID"),
        get("orders after no token", "/v1/orders?after=yesterday", 400, "TOKEN_INVALID"),
        post("cancel some lines before the release", f"/v1/{order}:cancel", {"lines": [1]}, 400,
             "CANCEL_WHOLE_ONLY"),
        post("cancel what is over", f"/v1/{world['cancelled']}:cancel", {}, 400,
             "ORDER_CLOSED"),
        # Approvals.
        get("no approval", "/v1/approvals/nothing", 404, "APPROVAL_NOT_FOUND"),
        post("decide nothing", "/v1/approvals/nothing:decide",
             {"decision": "DECISION_APPROVE", "user": "bob"}, 404, "APPROVAL_NOT_FOUND",
             Weft_User="bob"),
        get("approvals from a wrong page", "/v1/approvals?user=bob&pageToken=abc", 400,
            "PAGE_TOKEN_INVALID"),
    ]
    approval = world["approval"]
    decide = f"/v1/{approval}:decide"
    yes = {"decision": "DECISION_APPROVE"}
    rows += [
        post("decide as nobody", decide, yes, 400, "USER_REQUIRED"),
        get("approvals for nobody", "/v1/approvals", 400, "USER_REQUIRED"),
        post("decide unasked", decide, yes, 403, "NOT_ELIGIBLE", Weft_User="eve"),
        post("decide neither yes nor no", decide, {}, 400, "DECISION_REQUIRED", Weft_User="bob"),
        post("decide one's own", decide, yes, 403, "CANNOT_DECIDE_OWN", Weft_User="ann"),
        post("decide for another", decide, {**yes, "user": "bob"}, 403,
             "CANNOT_DECIDE_FOR_OTHER", Weft_User="eve"),
        post("decide with an old etag", decide, {**yes, "etag": "r99"}, 409, "ETAG_MISMATCH",
             Weft_User="bob"),
        post("decide what is decided", f"/v1/{world['closed_approval']}:decide", yes, 400,
             "ALREADY_CLOSED", Weft_User="bob"),
        # Quotes.
        get("no quote", "/v1/quotes/nothing", 404, "QUOTE_NOT_FOUND"),
        get("no such revision", f"/v1/{quote}?revision=99", 404, "QUOTE_NOT_FOUND"),
        post("quote nothing", "/v1/quotes", {"account": "A1"}, 400, "LINES_REQUIRED"),
        post("quote for nobody", "/v1/quotes", {}, 400, "ACCOUNT_REQUIRED"),
        post("quote for an unknown account", "/v1/quotes",
             {**order_of("S1", "1"), "account": "NOBODY"}, 404, "ACCOUNT_NOT_FOUND"),
        post("quote minus one", "/v1/quotes", order_of("S1", "-1"), 400, "LINE_INVALID"),
        post("accept a draft", f"/v1/{quote}:accept", {}, 400, "QUOTE_STATE"),
        post("send a quote until yesterday", f"/v1/{quote}:send",
             {"expireTime": in_an_hour(-24)}, 400, "FIELD_INVALID"),
        post("send a quote with no price", f"/v1/{world['unpriced']}:send", {}, 400,
             "QUOTE_NOT_PRICED"),
        post("send a quote with an old etag", f"/v1/{quote}:send", {}, 412, "ETAG_MISMATCH",
             If_Match='"r99"'),
        # Policies and the trail.
        get("no policy", "/v1/policies/nothing", 404, "POLICY_NOT_FOUND"),
        Case("a policy of no money", "PUT", "/v1/policies/default",
             {**JSON, "Idempotency-Key": "policy"},
             {"policy": {"approvalLimits": [{"amount": "x", "currencyCode": "GBP"}]}}, 400,
             "FIELD_INVALID"),
        get("the trail from before its beginning", "/v1/audit-entries:verify?fromSequence=-1",
            400, "FIELD_INVALID"),
        get("the trail from a wrong page", "/v1/audit-entries?pageToken=abc", 400,
            "PAGE_TOKEN_INVALID"),
    ]
    for i, row in enumerate(rows):
        if row.name == "cancel with an old etag":
            rows[i] = row._replace(body={"etag": "r99"})
    return rows


def reorder_cases(world):
    order = world["order"]
    return [
        post("reorder nothing", "/v1/orders/nothing:reorder", {}, 404, "SOURCE_NOT_FOUND"),
        post("reorder no invoice", "/v1/invoices/nothing:reorder", {}, 404, "SOURCE_NOT_FOUND"),
        post("reorder a line that is not there", f"/v1/{order}:reorder", {"lines": [99]}, 400,
             "LINE_UNKNOWN"),
        post("reorder under a key that is taken", f"/v1/{order}:reorder", {"keepItems": True},
             400, "REQUEST_ID_REUSED", Idempotency_Key="reorder"),
        post("reorder more than there is", f"/v1/{world['too much']}:reorder", {}, 200,
             "STOCK_SHORT", at="lines.0.reasons.0.reason", room="reorder"),
        post("reorder what is not sold any more", f"/v1/{world['gone']}:reorder", {}, 200,
             "ITEM_DISCONTINUED", at="lines.0.reasons.0.reason", room="reorder"),
        post("order again what is not sold any more", f"/v1/{world['gone']}:reorder",
             {"submit": True}, 200, "NOTHING_TO_ORDER", at="submitReason.reason",
             room="reorder"),
        get("no reorder", "/v1/reorders/nothing", 404, "REORDER_NOT_FOUND"),
        get("suggestions for nobody", "/v1/suggestions", 400, "ACCOUNT_REQUIRED"),
        get("history of nobody", "/v1/purchase-history", 400, "ACCOUNT_REQUIRED"),
        get("suggestions in minus one day", "/v1/suggestions?account=A1&dueWithinDays=-1", 400,
            "FIELD_INVALID"),
        get("minus one suggestion", "/v1/suggestions?account=A1&pageSize=-1", 400,
            "PAGE_SIZE_INVALID"),
        get("suggestions from a wrong page", "/v1/suggestions?account=A1&pageToken=abc", 400,
            "PAGE_TOKEN_INVALID"),
        get("history from a wrong page", "/v1/purchase-history?account=A1&pageToken=abc", 400,
            "PAGE_TOKEN_INVALID"),
    ]


def invoice(number, order="", account="A1", quantity=1):
    return {"invoice": number, "account": account, "order": order, "currencyCode": "GBP",
            "time": "2026-01-01T00:00:00Z",
            "lines": [{"line": 1, "sku": "S1", "quantity": quantity, "unitPrice": 1,
                       "net": quantity}]}


def erp_cases(world):
    ingest = "/v1/erp/demo:ingest"

    def parked(name, text, reason):
        return post(name, ingest, {"text": text}, 200, reason, at="problems.0.reason",
                    room="erp-connector")

    def one(name, reason, kind="item", data=None, **more):
        body = {"type": kind, "id": "d-" + name, "data": data, **more}
        return parked(name, json.dumps(body), reason)

    item = {"sku": "NEW", "baseUnit": "EA"}
    return [
        post("nothing from the ERP", ingest, {}, 400, "PAYLOAD_EMPTY"),
        post("blanks from the ERP", ingest, {"text": "  \n "}, 400, "PAYLOAD_EMPTY"),
        post("half a list from the ERP", ingest, {"text": '[{"type":"item"}'}, 400,
             "PAYLOAD_UNREADABLE"),
        post("another connection", "/v1/erp/other:ingest", {"text": "{}"}, 404,
             "CONNECTION_UNKNOWN"),
        post("ingest under a key that is taken", ingest, {"text": '{"x":1}'}, 400,
             "REQUEST_ID_REUSED", Idempotency_Key="parked"),
        parked("no JSON from the ERP", "SKU;NAME;PRICE", "MESSAGE_NOT_JSON"),
        parked("half an object from the ERP", '{"type": "item"', "MESSAGE_NOT_JSON"),
        parked("a number from the ERP", "17", "MESSAGE_NOT_OBJECT"),
        parked("nested very deep by the ERP", '{"type":' + "[" * 100 + "]" * 100 + "}",
               "MESSAGE_TOO_DEEP"),
        parked("2 MiB in one message", json.dumps({"type": "item", "id": "x" * (2 << 20)}),
               "MESSAGE_TOO_LARGE"),
        one("a type that is none", "TYPE_UNKNOWN", kind="weather", data={}),
        one("an item without its SKU", "FIELD_REQUIRED", data={"baseUnit": "EA"}),
        one("an item with a number for a name", "FIELD_TYPE", data={**item, "name": 1}),
        one("another message of that item", "WAITS_BEHIND_PARKED", data=item),
        one("an item with text for categories", "FIELD_TYPE",
            data={**item, "sku": "N3", "categories": "x"}),
        one("an item with a very long SKU", "FIELD_TOO_LONG",
            data={**item, "sku": "x" * 500}),
        one("an item with a field nobody knows", "FIELD_UNKNOWN", 
            data={**item, "sku": "N4", "colour": "red"}),
        parked("an item with a field twice",
               '{"type":"item","id":"twice","data":{"sku":"NEW","sku":"N2","baseUnit":"EA"}}',
               "FIELD_DUPLICATE"),
        one("a moment that is none", "FIELD_FORMAT", changedAt="yesterday",
            data={**item, "sku": "N5"}),
        one("a version below zero", "FIELD_RANGE", version=-1, data={**item, "sku": "N6"}),
        one("a patch of nothing", "PATCH_WITHOUT_OBJECT", patch=True,
            data={"sku": "UNKNOWN", "name": "x"}),
        one("a price without tiers", "FIELD_COUNT", kind="price",
            data={"book": "LIST", "sku": "P1", "tiers": []}),
        one("a price with tiers in disorder", "FIELD_ORDER", kind="price",
            data={"book": "LIST", "sku": "P2", "tiers": [{"minimumQuantity": 9, "price": 1},
                                                         {"minimumQuantity": 1, "price": 2}]}),
        one("a price that is no decimal", "FIELD_FORMAT", kind="price",
            data={"book": "LIST", "sku": "P3", "tiers": [{"minimumQuantity": 1,
                                                          "price": "cheap"}]}),
        one("a contract with two prices", "FIELD_CONFLICT", kind="contract",
            data={"contract": "K1", "account": "A1", "group": "G", "sku": "S1",
                  "discountPercent": 5}),
        one("an end without its beginning", "LOAD_NOT_OPEN", kind="load.end",
            data={"load": "NEVER"}),
        one("an answer about no order", "ORDER_UNKNOWN", kind="order.acknowledged",
            data={"order": "nothing", "erpOrder": "E1", "time": "2026-01-01T00:00:00Z"}),
        one("a shipment of a line the order has not", "ORDER_LINE_UNKNOWN", kind="order.shipped",
            data={"order": world["sent"][0], "shipment": "SH1", "time": "2026-01-01T00:00:00Z",
                  "lines": [{"line": 9, "location": "MAIN", "quantity": 1}]}),
        one("a shipment in cases", "BASE_QUANTITY_REQUIRED", kind="order.shipped",
            data={"order": world["sent"][2], "shipment": "SH2", "time": "2026-01-01T00:00:00Z",
                  "lines": [{"line": 1, "location": "MAIN", "quantity": 1}]}),
        one("an invoice of another account", "ORDER_ACCOUNT_DIFFERS", kind="invoice",
            data=invoice("I2", order=world["sent"][1], account="A2")),
        one("an invoice with another content", "IDENTITY_REUSED", kind="invoice",
            data=invoice("I1", quantity=5)),
        post("send an order again", f"/v1/erp/exports/{world['sent'][0]}:send", {}, 400,
             "EXPORT_NOT_HELD"),
        get("no parked message", "/v1/erp/parked/999999", 404, "PARKED_NOT_FOUND"),
        get("a parked message in words", "/v1/erp/parked/first", 404, "PARKED_NOT_FOUND"),
        post("replay nothing", "/v1/erp/parked/999999:replay", {}, 404, "PARKED_NOT_FOUND"),
        post("discard nothing", "/v1/erp/parked/999999:discard", {}, 404, "PARKED_NOT_FOUND"),
        post("resolve no load", "/v1/erp/loads/999999:resolve",
             {"resolution": "LOAD_RESOLUTION_KEEP"}, 404, "LOAD_NOT_FOUND"),
        post("resolve a load in no way", "/v1/erp/loads/1:resolve", {}, 400,
             "RESOLUTION_REQUIRED"),
        post("resolve a load that is over", "/v1/erp/loads/1:resolve",
             {"resolution": "LOAD_RESOLUTION_KEEP"}, 400, "LOAD_NOT_HELD"),
        get("no export", "/v1/erp/exports/nothing", 404, "EXPORT_NOT_FOUND"),
        post("send no export", "/v1/erp/exports/nothing:send", {}, 404, "EXPORT_NOT_FOUND"),
        get("minus one parked message", "/v1/erp/parked?pageSize=-1", 400, "PAGE_SIZE_INVALID"),
        get("parked messages from a wrong page", "/v1/erp/parked?pageToken=%21", 400,
            "PAGE_TOKEN_INVALID"),
        get("loads from a wrong page", "/v1/erp/loads?pageToken=abc", 400,
            "PAGE_TOKEN_INVALID"),
    ]


def empty_cases():
    """Before the ERP said a word: not loaded is not the same as unknown."""
    line = [{"sku": "S1", "quantity": {"value": "1"}}]
    return [
        post("a price too early", "/v1/prices:calculate", {"account": "A1", "lines": line}, 200,
             "NOT_LOADED", at="lines.0.reason.reason", room="pricing"),
        post("stock too early", "/v1/availability:query", {"lines": line}, 200, "NOT_LOADED",
             at="lines.0.reason.reason", room="inventory-projection"),
        post("a reservation too early", "/v1/reservations",
             {"account": "A1", "lines": line, "expireTime": in_an_hour()}, 400, "NOT_LOADED"),
        post("an order too early", "/v1/orders", order_of("S1", "1"), 400, "NOT_LOADED"),
        post("a quote too early", "/v1/quotes", order_of("S1", "1"), 400, "NOT_LOADED"),
    ]


# Lists of nothing are no mistake.
EMPTY_LISTS = ["/v1/orders", "/v1/quotes", "/v1/approvals?user=bob", "/v1/audit-entries",
               "/v1/audit-entries:verify", "/v1/suggestions?account=A1",
               "/v1/purchase-history?account=A1", "/v1/erp/connections", "/v1/erp/loads",
               "/v1/erp/unresolved", "/v1/erp/parked", "/v1/erp/exports"]


def open_world(weftd):
    first = furnish(weftd)
    world = {"first": first}

    def make(name, path, body, **headers):
        world[name] = weftd.call("POST", path, body, **headers)["name"]

    line = {"account": "A1", "lines": [{"sku": "S1", "quantity": {"value": "1"}}],
            "expireTime": in_an_hour()}
    make("held", "/v1/reservations", line, Idempotency_Key="held")
    make("released", "/v1/reservations", line, Idempotency_Key="released")
    weftd.call("POST", f"/v1/{world['released']}:release", {})
    make("expired", "/v1/reservations", {**line, "expireTime": in_an_hour(2 / 3600)},
         Idempotency_Key="expired")
    make("confirmed", "/v1/reservations", {**line, "order": "orders/1"},
         Idempotency_Key="confirmed")
    weftd.call("POST", f"/v1/{world['confirmed']}:confirm", {"order": "orders/1"})
    make("order", "/v1/orders", order_of("BIG", "1", externalOrderId="big"),
         Idempotency_Key="big", Weft_User="ann")
    world["approval"] = weftd.await_order(world["order"])["approval"]
    make("cancelled", "/v1/orders", order_of("BIG", "1", externalOrderId="cancelled"),
         Idempotency_Key="cancelled", Weft_User="ann")
    world["closed_approval"] = weftd.await_order(world["cancelled"])["approval"]
    weftd.call("POST", f"/v1/{world['closed_approval']}:decide",
               {"decision": "DECISION_REJECT"}, Weft_User="bob")
    weftd.await_order(world["cancelled"], {"REJECTED"})
    make("quote", "/v1/quotes", order_of("S1", "1"), Idempotency_Key="quote")
    make("unpriced", "/v1/quotes", order_of("NOPRICE", "1"), Idempotency_Key="unpriced")
    deadline = time.monotonic() + 60
    while any(weftd.call("GET", "/v1/" + world[q])["state"] == "QUOTE_STATE_PRICING"
              for q in ("quote", "unpriced")):
        if time.monotonic() > deadline:
            raise RuntimeError("a quote is not priced")
        time.sleep(0.05)
    weftd.call("POST", f"/v1/{world['order']}:reorder", {}, Idempotency_Key="reorder")
    weftd.call("POST", "/v1/erp/demo:ingest", {"text": json.dumps(
        message("invoice", invoice("I1")))}, Idempotency_Key="parked")
    for name, sku, quantity in (("too much", "S1", "100000"), ("gone", "GONE", "1")):
        make(name, "/v1/orders", order_of(sku, quantity, externalOrderId=name))
        weftd.await_order(world[name], {"REJECTED"})
    world["sent"] = []
    cased = {"account": "A1", "user": "ann", "externalOrderId": "cased", "lines": [
        {"sku": "CASED", "quantity": {"value": "1", "unit": "CS"}}]}
    for body in (order_of("S1", "1", externalOrderId="sent1"),
                 order_of("S1", "1", externalOrderId="sent2"), cased,
                 order_of("S1", "1", externalOrderId="refused by the ERP")):
        name = weftd.call("POST", "/v1/orders", body)["name"]
        weftd.await_order(name, {"SENT"})
        world["sent"].append(name.split("/")[1])
    deadline = time.monotonic() + 60
    while (weftd.call("GET", "/v1/" + world["expired"])["state"] != "RESERVATION_STATE_EXPIRED" or
           any(weftd.send(get("export", f"/v1/erp/exports/{order}", 200, ""))[0] != 200
               for order in world["sent"])):
        if time.monotonic() > deadline:
            raise RuntimeError("a reservation does not expire, or an order is not exported")
        time.sleep(0.05)
    return world


def ends(weftd, world, check):
    """Orders that are taken and then refused, with the reason on the order."""
    table = [
        ("an unknown item", order_of("NOTHING", "1"), "UNKNOWN_ITEM", "pricing"),
        ("an item without a price", order_of("NOPRICE", "1"), "NO_PRICE", "pricing"),
        ("a discontinued item", order_of("GONE", "1"), "ITEM_DISCONTINUED", "pricing"),
        ("an unknown unit", {"account": "A1", "user": "ann", "lines": [
            {"sku": "S1", "quantity": {"value": "1", "unit": "PALLET"}}]}, "UNKNOWN_UNIT",
         "pricing"),
        ("another currency", order_of("S1", "1", currencyCode="JPY"), "NO_PRICE_IN_CURRENCY",
         "pricing"),
        ("another price", {"account": "A1", "user": "ann", "lines": [
            {"sku": "S1", "quantity": {"value": "1"},
             "expectedNet": {"amount": "1.00", "currencyCode": "GBP"}}]}, "PRICE_CHANGED",
         "approval"),
        ("a blocked account", {**order_of("S1", "1"), "account": "BLOCKED"}, "ACCOUNT_BLOCKED",
         "approval"),
        ("too little credit", {**order_of("S1", "1"), "account": "POOR"}, "CREDIT_EXCEEDED",
         "approval"),
        ("more than there is", order_of("S1", "100000"), "INSUFFICIENT_STOCK",
         "inventory-projection"),
    ]
    for name, body, reason, room in table:
        body = {**body, "externalOrderId": name}
        order = weftd.await_order(weftd.call("POST", "/v1/orders", body)["name"])
        check.ended(f"order of {name}", order, reason, room)
    # By people and by the ERP.
    check.ended("an order somebody said no to", weftd.await_order(world["cancelled"]),
                "APPROVAL_REJECTED", "approval")
    refused = world["sent"][3]
    weftd.call("POST", "/v1/erp/demo:ingest", {"text": json.dumps(message("order.rejected", {
        "order": refused, "reason": "no credit there", "time": "2026-01-01T00:00:00Z"}))})
    check.ended("an order the ERP refused",
                weftd.await_order("orders/" + refused, {"REJECTED"}), "ERP_REJECTED", "approval")
    export = weftd.call("GET", "/v1/erp/exports/" + refused)
    check.expect("its export", export["reason"]["reason"], "REJECTED_BY_ERP")
    check.listed("REJECTED_BY_ERP", "erp-connector", "its export")


# --- the rows: with tokens ---------------------------------------------------------


def token_cases(make, rsa, world):
    now = int(time.time())

    def bearer(token):
        return {"Authorization": "Bearer " + token}

    def with_claims(name, reason, status=401, header=None, spoil=False, **claims):
        return get(name, "/v1/orders", status, reason,
                   **bearer(rsa.token(header=header, spoil=spoil, **claims)))

    unsigned = b64(b'{"alg":"none"}') + "." + b64(json.dumps(
        {"iss": FOREIGN_ISSUER, "aud": "weft", "sub": "x", "exp": now + 3600,
         "weft_tenant": "demo", "weft_roles": ["operator"]}).encode()) + "."
    buyer = bearer(make("--role", "buyer", "--user", "eve", "--account", "A2"))
    shop = bearer(make("--role", "storefront", "--accounts", "A2", "--channel", "web"))
    guest = bearer(make("--role", "guest"))
    foreign = bearer(make("--role", "operator", "--accounts", "*", tenant="other"))
    operator = bearer(make("--role", "operator", "--accounts", "*"))
    auditor = bearer(make("--role", "auditor"))
    line = [{"sku": "S1", "quantity": {"value": "1"}}]
    hold = {"account": "A1", "lines": line, "expireTime": in_an_hour()}
    rows = [
        get("no token", "/v1/orders", 401, "TOKEN_REQUIRED"),
        get("no bearer", "/v1/orders", 401, "TOKEN_INVALID", Authorization="Basic YTpi"),
        get("a user without a token", "/v1/orders", 401, "TOKEN_REQUIRED", Weft_User="ann"),
        get("a token that is none", "/v1/orders", 401, "TOKEN_INVALID", **bearer("abc")),
        get("a token of dots", "/v1/orders", 401, "TOKEN_INVALID", **bearer("..")),
        get("a token without a signature", "/v1/orders", 401, "TOKEN_INVALID",
            **bearer(unsigned)),
        with_claims("an expired token", "TOKEN_EXPIRED", exp=now - 3600),
        with_claims("a token of tomorrow", "TOKEN_INVALID", nbf=now + 86400),
        with_claims("a token without an end", "TOKEN_INVALID", exp=None),
        with_claims("a token for others", "TOKEN_INVALID", aud="shop"),
        with_claims("a token of nobody we know", "TOKEN_INVALID", iss="https://nobody/"),
        with_claims("a token of a key nobody published", "TOKEN_INVALID",
                    header={"alg": "RS256", "kid": "t2"}),
        with_claims("a token with another algorithm", "TOKEN_INVALID",
                    header={"alg": "HS256", "kid": "t1"}),
        with_claims("a token with an extension", "TOKEN_INVALID",
                    header={"alg": "RS256", "kid": "t1", "crit": ["exp"]}),
        with_claims("a token with a spoilt signature", "TOKEN_INVALID", spoil=True),
        with_claims("a token of no tenant", "TOKEN_INVALID", weft_tenant=None),
        with_claims("a token of a tenant that is not its issuer's", "TOKEN_INVALID",
                    weft_tenant="other"),
        with_claims("a token without roles", "TOKEN_INVALID", weft_roles=[]),
        with_claims("a token of a room from outside", "TOKEN_INVALID", weft_roles=["service"]),
        with_claims("a buyer of no account", "TOKEN_INVALID", weft_roles=["buyer"]),
        # Roles.
        post("a guest orders", "/v1/orders", order_of("S1", "1"), 403, "ROLE_NOT_ALLOWED",
             **guest),
        get("a guest reads orders", "/v1/orders", 403, "ROLE_NOT_ALLOWED", **guest),
        post("a guest reserves", "/v1/reservations", hold, 403, "ROLE_NOT_ALLOWED", **guest),
        post("a buyer speaks for the ERP", "/v1/erp/demo:ingest", {"text": "{}"}, 403,
             "ROLE_NOT_ALLOWED", **buyer),
        post("a buyer reserves", "/v1/reservations", hold, 403, "ROLE_NOT_ALLOWED", **buyer),
        get("a buyer reads the trail", "/v1/audit-entries", 403, "ROLE_NOT_ALLOWED", **buyer),
        post("a buyer decides", f"/v1/{world['approval']}:decide",
             {"decision": "DECISION_APPROVE"}, 403, "ROLE_NOT_ALLOWED", **buyer),
        post("an auditor orders", "/v1/orders", order_of("S1", "1"), 403, "ROLE_NOT_ALLOWED",
             **auditor),
        get("a shop reads parked messages", "/v1/erp/parked", 403, "ROLE_NOT_ALLOWED", **shop),
        # Guests.
        post("a guest asks for an account's price", "/v1/prices:calculate",
             {"account": "A1", "lines": line}, 404, "ACCOUNT_NOT_FOUND", **guest),
        post("a guest asks where only members see prices", "/v1/prices:calculate",
             {"lines": line}, 200, "LOGIN_REQUIRED", at="lines.0.reason.reason", room="pricing",
             **bearer(make("--role", "guest", "--channel", "club"))),
        post("a guest asks without a currency", "/v1/prices:calculate", {"lines": line}, 400,
             "CURRENCY_REQUIRED", **guest),
        # Another account.
        post("a buyer asks for another's price", "/v1/prices:calculate",
             {"account": "A1", "lines": line}, 404, "ACCOUNT_NOT_FOUND", **buyer),
        post("a buyer orders for another", "/v1/orders",
             {**order_of("S1", "1"), "user": ""}, 404, "ACCOUNT_NOT_FOUND", **buyer),
        post("a buyer orders as another", "/v1/orders",
             {"account": "A2", "user": "ann", "lines": line}, 404, "USER_NOT_FOUND", **buyer),
        get("a buyer reads another's order", f"/v1/{world['order']}", 404, "ORDER_NOT_FOUND",
            **buyer),
        get("a buyer watches another's order", f"/v1/{world['order']}:watch", 404,
            "ORDER_NOT_FOUND", **buyer),
        post("a buyer cancels another's order", f"/v1/{world['order']}:cancel", {}, 404,
             "ORDER_NOT_FOUND", **buyer),
        post("a buyer buys another's order again", f"/v1/{world['order']}:reorder", {}, 404,
             "SOURCE_NOT_FOUND", **buyer),
        get("a buyer reads another's approval", f"/v1/{world['approval']}", 404,
            "APPROVAL_NOT_FOUND", **buyer),
        get("a buyer lists another's orders", "/v1/orders?account=A1", 404, "ACCOUNT_NOT_FOUND",
            **buyer),
        get("a buyer reads another's history", "/v1/purchase-history?account=A1", 404,
            "ACCOUNT_NOT_FOUND", **buyer),
        get("a buyer reads another's price", f"/v1/decisions/{world['decision']}", 404,
            "DECISION_NOT_FOUND", **buyer),
        post("a buyer replays another's price", f"/v1/decisions/{world['decision']}:replay", {},
             404, "DECISION_NOT_FOUND", **buyer),
        post("a buyer locks another's price", "/v1/prices:lock", {"account": "A1", "lines": line},
             404, "ACCOUNT_NOT_FOUND", **buyer),
        get("a buyer watches another's prices", "/v1/prices:watch?accounts=A1", 404,
            "ACCOUNT_NOT_FOUND", **buyer),
        post("a buyer compares prices", "/v1/prices:compare", {"lines": [
            {"sku": "S1", "quantity": {"value": "1"}}]}, 403, "ROLE_NOT_ALLOWED", **buyer),
        post("a shop asks for an account that is not its", "/v1/prices:calculate",
             {"account": "A1", "lines": line}, 404, "ACCOUNT_NOT_FOUND", **shop),
        post("a shop reserves for an account that is not its", "/v1/reservations", hold, 404,
             "ACCOUNT_NOT_FOUND", **shop),
        post("a shop orders for an account that is not its", "/v1/orders", order_of("S1", "1"),
             404, "ACCOUNT_NOT_FOUND", **shop),
        post("a shop orders in a channel that is not its", "/v1/orders",
             {"account": "A2", "channel": "phone", "lines": line}, 404, "CHANNEL_NOT_FOUND",
             **shop),
        post("a shop asks in a channel that is not its", "/v1/prices:calculate",
             {"account": "A2", "channel": "phone", "lines": line}, 404, "CHANNEL_NOT_FOUND",
             **shop),
        get("a shop reads another's reservation", f"/v1/{world['held']}", 404,
            "RESERVATION_NOT_FOUND", **shop),
        post("a shop releases another's reservation", f"/v1/{world['held']}:release", {}, 404,
             "RESERVATION_NOT_FOUND", **shop),
        # Another tenant.
        post("a foreign tenant asks for a price", "/v1/prices:calculate",
             {"account": "A1", "lines": line}, 200, "NOT_LOADED", at="lines.0.reason.reason",
             room="pricing", **foreign),
        post("a foreign tenant asks for stock", "/v1/availability:query", {"lines": line}, 200,
             "NOT_LOADED", at="lines.0.reason.reason", room="inventory-projection", **foreign),
        post("a foreign tenant reserves", "/v1/reservations", hold, 400, "NOT_LOADED",
             **foreign),
        post("a foreign tenant orders", "/v1/orders", order_of("S1", "1"), 400, "NOT_LOADED",
             **foreign),
        get("a foreign tenant reads an order", f"/v1/{world['order']}", 404, "ORDER_NOT_FOUND",
            **foreign),
        get("a foreign tenant reads an approval", f"/v1/{world['approval']}", 404,
            "APPROVAL_NOT_FOUND", **foreign),
        get("a foreign tenant reads a reservation", f"/v1/{world['held']}", 404,
            "RESERVATION_NOT_FOUND", **foreign),
        get("a foreign tenant reads a price", f"/v1/decisions/{world['decision']}", 404,
            "DECISION_NOT_FOUND", **foreign),
        post("a foreign tenant speaks for the ERP", "/v1/erp/demo:ingest", {"text": "{}"}, 404,
             "CONNECTION_UNKNOWN", **foreign),
        get("a foreign tenant reads an export",
            f"/v1/erp/exports/{world['first'].split('/')[1]}", 404, "EXPORT_NOT_FOUND",
            **foreign),
        get("a foreign tenant's token of state", f"/v1/orders?after={world['token']}", 400,
            "TOKEN_INVALID", **foreign),
        get("an unknown order", "/v1/orders/nothing", 404, "ORDER_NOT_FOUND", **operator),
        get("the last stream of the limit", "/v1/orders/nothing:watch", 404, "ORDER_NOT_FOUND", **operator),
        get("one stream too many", "/v1/orders/nothing:watch", 429, "RATE_LIMITED", **operator),
    ]
    return rows


# --- checking ----------------------------------------------------------------------


class Check:
    def __init__(self, source, show):
        self.source, self.show, self.count, self.problems = source, show, 0, []
        self.reasons, self.seen = {}, set()

    def expect(self, what, found, wanted):
        self.count += 1
        if found != wanted:
            self.problems.append(f"{what}: {found!r}, want {wanted!r}")

    def listed(self, reason, room, what):
        folder = READMES.get(room)
        if folder is None:
            self.problems.append(f"{what}: no README is known for domain {room!r}")
            return
        self.seen.add((room, reason))
        for part in [folder, *LIBRARIES]:
            if part not in self.reasons:
                with open(os.path.join(self.source, part, "README.md"), encoding="utf-8") as text:
                    self.reasons[part] = set(re.findall(r"\b[A-Z][A-Z0-9_]{2,}\b", text.read()))
            if reason in self.reasons[part]:
                return
        self.problems.append(f"{what}: {reason} is not listed in {folder}/README.md")

    def ended(self, what, order, reason, room):
        found = order.get("reason") or {}
        self.expect(f"{what}: state", order["state"], "ORDER_STATE_REJECTED")
        self.expect(what, found.get("reason"), reason)
        self.expect(f"{what} says why", bool(found.get("message")), True)
        self.listed(reason, room, what)

    def row(self, weftd, case):
        try:
            status, _, text = weftd.send(case)
        except (OSError, http.client.HTTPException) as error:
            self.problems.append(f"{case.name}: no answer: {error!r}")
            return
        if self.show:
            print(f"{status} {case.name}: {text[:300].decode(errors='replace')}")
        self.count += 1
        what = f"{case.name} ({case.method} {case.path[:60]})"
        try:
            answer = json.loads(text)
        except ValueError:
            self.problems.append(f"{what}: {status} without JSON: {text[:200]!r}")
            return
        if not case.reason:
            self.expect(what, (status, answer.get("message")), (case.status, None))
            return
        if case.at:
            room, reason, said = case.room, answer, None
            for part in case.at.split("."):
                said = reason
                if isinstance(reason, list):
                    reason = reason[int(part)] if len(reason) > int(part) else None
                else:
                    reason = (reason or {}).get(part)
            message_text = (said or {}).get("message") if isinstance(said, dict) else None
        else:
            infos = [d for d in answer.get("details", [])
                     if d.get("@type", "").endswith("google.rpc.ErrorInfo")]
            if len(infos) != 1:
                self.problems.append(f"{what}: {status} with {len(infos)} ErrorInfo: "
                                     f"{text[:300]!r}")
                return
            reason, message_text = infos[0].get("reason"), answer.get("message")
            room = infos[0].get("domain", "").removesuffix(".weft")
        if (status, reason) != (case.status, case.reason):
            self.problems.append(f"{what}: {status} {reason} {message_text!r}, want "
                                 f"{case.status} {case.reason}")
            return
        if not message_text:
            self.problems.append(f"{what}: {reason} without a message")
        self.listed(reason, room, what)


def open_mode(arguments, folder, check):
    weftd = Weftd(arguments.weftd, folder, "open", "")
    try:
        for case in [*empty_cases(), *(get("nothing yet", path, 200, "") for path in EMPTY_LISTS)]:
            check.row(weftd, case)
        world = open_world(weftd)
        rows = (gateway_cases() + price_cases() + document_cases() + stock_cases(world) + order_cases(world) +
                reorder_cases(world) + erp_cases(world))
        parked = [r for r in rows if r.at == "problems.0.reason"]
        for case in rows:
            check.row(weftd, case)
        ends(weftd, world, check)
        # What was parked is listed, with the same reasons.
        listed = weftd.call("GET", "/v1/erp/parked?pageSize=1000")["parked"]
        check.expect("parked messages are listed", sorted(p["reason"] for p in listed),
                     sorted(r.reason for r in parked))
        waiting = next(p["id"] for p in listed if p["reason"] == "WAITS_BEHIND_PARKED")
        check.row(weftd, post("replay what waits", f"/v1/erp/parked/{waiting}:replay", {}, 400,
                              "PARKED_WAITS"))
        status, answer = weftd.talk(b"GARBAGE\r\n\r\n")
        check.expect("no HTTP at all", (status, answer["details"][0]["reason"]),
                     (400, "REQUEST_MALFORMED"))
        check.expect("every parked message says why", all(p["message"] for p in listed), True)
        # After all that the mesh still does its work.
        answer = weftd.call("POST", "/v1/prices:calculate", {
            "account": "A1", "lines": [{"sku": "S1", "quantity": {"value": "2"}}]})
        check.expect("a price after all that", answer["total"]["amount"], "5.00")
    finally:
        check.expect("weftd's exit", weftd.stop(), 0)


def token_mode(arguments, folder, check):
    key = os.path.join(folder, "issuer.pem")
    rsa = RsaIssuer()
    with open(os.path.join(folder, "weft.jwks"), "w", encoding="utf-8") as out:
        subprocess.run([arguments.weft, "token", "--new-key", key], stdout=out, check=True)
    with open(os.path.join(folder, "rsa.jwks"), "w", encoding="utf-8") as out:
        json.dump(rsa.jwks(), out)

    def make(*claims, tenant="demo"):
        return subprocess.run(
            [arguments.weft, "token", "--key", key, "--issuer", ISSUER, "--audience", "weft",
             "--tenant", tenant, *claims], capture_output=True, text=True, check=True
        ).stdout.strip()

    weftd = Weftd(arguments.weftd, folder, "tokens", f"""\
  identity:
    open_loopback: false
    issuers:
      - issuer: {ISSUER}
        jwks_file: {folder}/weft.jwks
        tenants: [demo, other]
      - issuer: {FOREIGN_ISSUER}
        jwks_file: {folder}/rsa.jwks
        tenants: [demo]
pricing:
  login_required_channels: [club]
gateway:
  rate_limits:
    - {{route_class: stream, per_second: 0.001, burst: 3}}
""")
    try:
        operator = {"Authorization": "Bearer " + make("--role", "operator", "--accounts", "*",
                                                      "--channels", "*", "--user", "ops")}
        # The issuer that signs the bad ones is believed when it signs a good one.
        weftd.call("GET", "/v1/orders", Authorization="Bearer " + rsa.token())
        world = {"first": furnish(weftd, **operator)}
        shop = {"Authorization": "Bearer " + make("--role", "storefront", "--accounts", "*")}
        world["held"] = weftd.call(
            "POST", "/v1/reservations",
            {"account": "A1", "lines": [{"sku": "S1", "quantity": {"value": "1"}}],
             "expireTime": in_an_hour()}, **shop)["name"]
        status, headers, text = weftd.send(post(
            "the order", "/v1/orders", order_of("BIG", "1", externalOrderId="big"), 200, "",
            **shop))
        check.expect("a shop's order", status, 200)
        world["order"], world["token"] = json.loads(text)["name"], headers["Weft-Token"]
        world["approval"] = weftd.await_order(world["order"], **shop)["approval"]
        world["decision"] = weftd.call(
            "POST", "/v1/prices:calculate",
            {"account": "A1", "lines": [{"sku": "S1", "quantity": {"value": "1"}}]},
            **shop)["lines"][0]["decisionId"]
        for case in token_cases(make, rsa, world):
            check.row(weftd, case)
        # A foreign tenant's lists are empty, not refused.
        foreign = {"Authorization": "Bearer " + make("--role", "operator", "--accounts", "*",
                                                     "--user", "ops", tenant="other")}
        for path in EMPTY_LISTS:
            check.row(weftd, get("a foreign tenant lists", path, 200, "", **foreign))
            answer = weftd.call("GET", path, **foreign)
            check.expect(f"lists of a foreign tenant at {path}",
                         [name for name, value in answer.items() if isinstance(value, list)
                          and value], [])
    finally:
        check.expect("weftd's exit", weftd.stop(), 0)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--weftd", required=True)
    parser.add_argument("--weft", required=True)
    parser.add_argument("--source", default=os.path.join(os.path.dirname(__file__), "..", ".."))
    parser.add_argument("--show", action="store_true")
    arguments = parser.parse_args()
    folder = tempfile.mkdtemp(prefix="weft-doors-")
    check = Check(arguments.source, arguments.show)
    try:
        open_mode(arguments, folder, check)
        token_mode(arguments, folder, check)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    for problem in check.problems:
        print("wrong:", problem)
    print(f"{check.count} checks, {len(check.seen)} reasons of {len({r for r, _ in check.seen})} "
          f"domains, {len(check.problems)} wrong")
    return 1 if check.problems else 0


if __name__ == "__main__":
    sys.exit(main())
