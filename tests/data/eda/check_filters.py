"""Holds the filters against all that was recorded of ansible-rulebook's. Given: the file of the filters, and the cases.

Prints the number of each case that differs, and how."""

import copy
import json
import runpy
import sys

filters = runpy.run_path(sys.argv[1])["BUILTIN"]
with open(sys.argv[2]) as file:
    cases = json.load(file)["cases"]


def same(found, expected):
    if isinstance(expected, dict) and "$like" in expected:
        return isinstance(found, str) and found != ""
    if isinstance(expected, dict):
        return (
            isinstance(found, dict)
            and list(found) == list(expected)
            and all(same(found[key], expected[key]) for key in expected)
        )
    if isinstance(expected, list):
        return (
            isinstance(found, list)
            and len(found) == len(expected)
            and all(map(same, found, expected))
        )
    return type(found) is type(expected) and found == expected


# Keys that are no text are written as their text.
NUMBERS = ("key that is no text",)

for case in cases:
    expected = case.get("builtin", case)
    event = copy.deepcopy(case["input"])
    if case["title"] in NUMBERS:
        event = {int(key): value for key, value in event.items()}
    try:
        found = {"output": filters[case["filter"]](event, **case["args"])}
    except Exception as error:
        message = str(error).strip('"')
        found = {"raised": {"type": type(error).__name__, "message": message}}
    if "raised" in found and "raised" in expected:
        is_same = found["raised"]["type"] == expected["raised"]["type"]
    else:
        is_same = "output" in expected and "output" in found and same(found["output"], expected["output"])
    if not is_same:
        print(case["id"], json.dumps(found), "expected", json.dumps({k: expected.get(k) for k in ("output", "raised")}))
print(len(cases), "cases")
