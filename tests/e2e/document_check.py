#!/usr/bin/env python3
"""What `weft document check` says of rules that are wrong, and of one that is right.

    document_check.py --weftd BIN --weft BIN --source DIR

Each row of CASES is a file as somebody might write it. The check must refuse it with the
finding, at the place (line and column, the region of a table, the path), with a hint, and
exit 4; nothing is kept. The right one passes, and so does the demo's example.
"""
import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile

from import_test import Weftd

TABLE = """kind: DecisionTable
id: pricing.volume-discounts
title: Discounts
schema: pricing-line@1
hit_policy: {policy}
inputs:
  - {{id: quantity, expr: line.scale_quantity, type: decimal}}
outputs:
  - {{id: percent, type: decimal{default}}}
  - {{id: label, type: string, default: '""'}}
{more}rules:
"""

RULES = """kind: RuleSet
id: pricing.line-price
title: Price of a line
schema: pricing-line@1
outputs:
  price: {type: money}
steps:
  - id: start
    set: {price: offer.price}
"""


def table(*rules, policy="UNIQUE", default=', default: "0"', more=""):
    lines = [f"  - {{id: {name}, when: {{quantity: '{cell}'}}, then: {{percent: '{percent}'}}}}"
             for name, cell, percent in rules]
    return TABLE.format(policy=policy, default=default, more=more) + "\n".join(lines) + "\n"


def steps(*lines):
    return RULES + "".join(f"  {line}\n" for line in lines)


class Case:
    def __init__(self, name, source, code, *said, at=None, hint=True):
        self.name, self.source, self.code, self.said = name, source, code, said
        self.at, self.hint = at, hint  # at: what stands at the place, in the file's line.


CASES = [
    Case("two rules of a UNIQUE table fit the same line",
         table(("box", "[10..100]", "2"), ("pallet", ">= 100", "5")),
         "overlap", "'box' and 'pallet' both take quantity {100}", at="{id: pallet"),
    Case("a table that says it is complete leaves a gap",
         table(("box", "[10..100)", "2"), ("pallet", "> 100", "5"), more="complete: true\n"),
         "gap", "no rule takes quantity", "100", at="- {id: box"),
    Case("dollars and euros are added",
         steps("- id: freight",
               "  set: {price: 'price + money(\"1.50\", \"USD\") + money(\"1.50\", \"EUR\")'}"),
         "currency_mismatch", "USD", "EUR", "steps[1].set.price", at="'price + money"),
    Case("a formula divides by what may be zero",
         steps("- id: per-piece", "  set: {price: 'price / offer.tier_minimum'}"),
         "divide_by_zero", "'offer.tier_minimum', which may be zero", "at 1:7",
         at="'price / offer"),
    Case("so may a difference be",
         steps("- id: per-piece", "  set: {price: 'price / (line.quantity - 1)'}"),
         "divide_by_zero", "at 1:7", at="'price / (line"),
    Case("a condition may cost too much",
         steps("- id: groups",
               "  when: account.groups.exists(a, account.groups.exists(b,"
               " account.groups.exists(c, a + b == c)))",
               "  set: {price: offer.price}"),
         "cost_exceeded", "the dearest part is 'exists'", at="account.groups.exists(a"),
    Case("a field is misspelt",
         steps("- id: a", "  set: {price: offer.prize}"),
         "unknown_field", "no field 'prize'", "did you mean 'price'?", at="offer.prize"),
    Case("a cell is no number",
         table(("box", ">= ten", "2")),
         "undeclared_reference", "rules[0].when.quantity", at="'>= ten'"),
    Case("a price is a text",
         steps("- id: a", "  set: {price: '\"12\"'}"),
         "type_mismatch", "money is wanted", at="'\"12\"'", hint=False),
    Case("a schema is not there",
         table(("box", ">= 10", "2")).replace("pricing-line@1", "pricing-lines@1"),
         "unknown_reference", "pricing-lines", at="pricing-lines@1"),
    Case("YAML tricks are not read",
         table(("box", ">= 10", "2")).replace("title: Discounts", "title: &a Discounts"),
         "anchor_refused", at="&a Discounts"),
    Case("a file is not YAML", "kind: RuleSet\nid: pricing.line-price\nsteps: [\n",
         "syntax", hint=False),
]

PASSING = [
    table(("box", "[10..100)", "2"), ("pallet", ">= 100", "5")),
    table(("box", "[10..100)", "2"), ("pallet", ">= 100", "5"), ("few", "< 10", "0"),
          more="complete: true\n"),
    steps("- id: per-piece",
          "  set: {price: 'offer.tier_minimum > 0 ? price / offer.tier_minimum : price'}"),
]


class Test:
    def __init__(self, arguments, folder):
        self.weft, self.source = arguments.weft, arguments.source
        self.weftd = Weftd(arguments.weftd, os.path.join(folder, "mesh"))
        self.file = os.path.join(folder, "rules.yaml")
        self.problems = []

    def run(self, *words):
        done = subprocess.run([self.weft, *words, "--server", f"http://127.0.0.1:{self.weftd.port}"],
                              capture_output=True, text=True, timeout=120, check=False)
        return done.returncode, done.stdout + done.stderr

    def expect(self, case, good, what, output):
        if not good:
            self.problems.append(f"{case.name}: {what}\n{output}")

    def refused(self, case):
        with open(self.file, "w", encoding="utf-8") as out:
            out.write(case.source)
        code, output = self.run("document", "check", self.file)
        self.expect(case, code == 4, f"exit {code}, not 4", output)
        errors = [line for line in output.splitlines() if ": error: " in line]
        self.expect(case, len(errors) == 1, f"{len(errors)} errors, not the one", output)
        found = re.match(re.escape(self.file) + r":(\d+):(\d+): error: .*\((\w+)\)$",
                         errors[0] if errors else "")
        self.expect(case, found is not None, "no file:line:column: error: … (code)", output)
        if found is None:
            return
        self.expect(case, found[3] == case.code, f"{found[3]}, not {case.code}", output)
        for text in case.said:
            self.expect(case, text in output, f"does not say {text!r}", output)
        if case.at is not None:
            line = case.source.splitlines()[int(found[1]) - 1]
            there = line[int(found[2]) - 1:]
            self.expect(case, there.startswith(case.at), f"points at {there!r}, not {case.at!r}",
                        output)
        hints = [line for line in output.splitlines() if line.startswith("  hint: ")]
        self.expect(case, not case.hint or len(hints) == 1, "no hint", output)

    def passed(self, source):
        with open(self.file, "w", encoding="utf-8") as out:
            out.write(source)
        case = Case("sound", source, "")
        code, output = self.run("document", "check", self.file)
        self.expect(case, code == 0 and "error" not in output, f"exit {code}", output)

    def all(self):
        for case in CASES:
            self.refused(case)
        for source in PASSING:
            self.passed(source)
        code, output = self.run("document", "check", os.path.join(self.source, "tools/demo/rules"))
        if code != 0:
            self.problems.append(f"the demo's rules: exit {code}\n{output}")
        # Only tried: nothing is kept.
        code, output = self.run("document", "list")
        if code != 0 or "draft" in output:
            self.problems.append(f"a check kept something: exit {code}\n{output}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--weftd", required=True)
    parser.add_argument("--weft", required=True)
    parser.add_argument("--source", required=True)
    folder = tempfile.mkdtemp(prefix="weft-check-")
    test = Test(parser.parse_args(), folder)
    try:
        test.all()
    finally:
        test.weftd.kill()
        shutil.rmtree(folder, ignore_errors=True)
    for problem in test.problems:
        print("wrong:", problem)
    if not test.problems:
        print(f"{len(CASES)} wrong files are refused at their place, sound ones pass")
    sys.exit(1 if test.problems else 0)


if __name__ == "__main__":
    main()
