#!/usr/bin/env python3
"""Writes the same decision tables for every engine, and what is asked of them.

    tables.py FOLDER

Two tables, 20 and 1,000 rows: customer group x category x quantity band gives a
discount, first hit. For each, `tN.table.json` (ours), `tN.jdm.json` (zen-engine),
`tN.dmn` (Drools) and `tN.inputs.json`: 1,000 inputs and the sum of the discounts
that a plain loop finds. The numbers are drawn with a fixed seed.
"""
import json
import pathlib
import random
import sys
from xml.sax.saxutils import escape

BANDS = [(1, 9), (10, 49), (50, 99), (100, 499), (500, 100000)]
QUANTITY_MAX = 2000


def rows_of(groups, categories):
    return [(f"G{g}", f"C{c}", low, high, (g * 7 + c * 3 + band * 5) % 41)
            for g in range(groups) for c in range(categories)
            for band, (low, high) in enumerate(BANDS)]


def inputs_of(rows):
    draw = random.Random(7)
    inputs = []
    for _ in range(1000):
        group, category, low, high, _ = draw.choice(rows)
        inputs.append({"group": group, "category": category,
                       "qty": draw.randint(low, min(high, QUANTITY_MAX))})
    total = 0
    for one in inputs:
        total += next(discount for group, category, low, high, discount in rows
                      if (group, category) == (one["group"], one["category"])
                      and low <= one["qty"] <= high)
    return {"inputs": inputs, "sum": total}


def ours(rows):
    return {
        "kind": "DecisionTable", "id": "discount", "schema": "sale@1", "hit_policy": "FIRST",
        "inputs": [{"id": "g", "expr": "group", "type": "string"},
                   {"id": "c", "expr": "category", "type": "string"},
                   {"id": "q", "expr": "qty", "type": "decimal"}],
        "outputs": [{"id": "discount", "type": "decimal"}],
        "rules": [{"id": f"r{i}",
                   "when": {"g": f'"{group}"', "c": f'"{category}"', "q": f"[{low}..{high}]"},
                   "then": {"discount": str(discount)}}
                  for i, (group, category, low, high, discount) in enumerate(rows)]}


def jdm(rows):
    def node(name, kind, **content):
        return {"id": name, "type": kind, "name": name, "position": {"x": 0, "y": 0}, **content}

    table = {"hitPolicy": "first",
             "inputs": [{"id": field, "name": field, "field": field}
                        for field in ("group", "category", "qty")],
             "outputs": [{"id": "o", "name": "discount", "field": "discount"}],
             "rules": [{"_id": f"r{i}", "group": f'"{group}"', "category": f'"{category}"',
                        "qty": f"[{low}..{high}]", "o": str(discount)}
                       for i, (group, category, low, high, discount) in enumerate(rows)]}
    return {"nodes": [node("start", "inputNode"),
                      node("table", "decisionTableNode", content=table),
                      node("end", "outputNode")],
            "edges": [{"id": "e1", "sourceId": "start", "targetId": "table", "type": "edge"},
                      {"id": "e2", "sourceId": "table", "targetId": "end", "type": "edge"}]}


def dmn(rows):
    fields = [("group", "string"), ("category", "string"), ("qty", "number")]
    out = ['<?xml version="1.0" encoding="UTF-8"?>',
           '<definitions xmlns="https://www.omg.org/spec/DMN/20191111/MODEL/" id="sale" '
           'name="sale" namespace="urn:weft:bench">']
    for name, kind in fields:
        out.append(f'<inputData id="{name}" name="{name}">'
                   f'<variable id="{name}-v" name="{name}" typeRef="{kind}"/></inputData>')
    out.append('<decision id="discount" name="discount">'
               '<variable id="discount-v" name="discount" typeRef="number"/>')
    for name, _ in fields:
        out.append(f'<informationRequirement id="need-{name}">'
                   f'<requiredInput href="#{name}"/></informationRequirement>')
    out.append('<decisionTable id="table" hitPolicy="FIRST">')
    for name, kind in fields:
        out.append(f'<input id="in-{name}"><inputExpression id="ask-{name}" typeRef="{kind}">'
                   f'<text>{name}</text></inputExpression></input>')
    out.append('<output id="out" typeRef="number"/>')
    for i, (group, category, low, high, discount) in enumerate(rows):
        cells = [escape(f'"{group}"'), escape(f'"{category}"'), f"[{low}..{high}]"]
        entries = "".join(f'<inputEntry id="r{i}-{k}"><text>{cell}</text></inputEntry>'
                          for k, cell in enumerate(cells))
        out.append(f'<rule id="r{i}">{entries}<outputEntry id="r{i}-o"><text>{discount}</text>'
                   '</outputEntry></rule>')
    out.append("</decisionTable></decision></definitions>")
    return "\n".join(out)


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, groups, categories in (("t20", 2, 2), ("t1000", 10, 20)):
        rows = rows_of(groups, categories)
        (folder / f"{name}.table.json").write_text(json.dumps(ours(rows)))
        (folder / f"{name}.jdm.json").write_text(json.dumps(jdm(rows)))
        (folder / f"{name}.dmn").write_text(dmn(rows))
        (folder / f"{name}.inputs.json").write_text(json.dumps(inputs_of(rows)))


if __name__ == "__main__":
    main()
