"""Holds the shim against what was recorded of ansible-rulebook with plugins of one source. Given: the shim's files, and the
cases. Prints the number of each case that is neither the same nor listed here with the reason, and how many there are."""

import json
import os
import subprocess
import sys
import tempfile
import threading
import time

BROKEN = "no JSON: in quarantine, where it was lost; the rest is the same"
OTHERS = "about the whole of ansible-rulebook: here each source is a process of its own, which the scenarios show"
RULES = "about ansible-rulebook's rules and its own sources"
# What is different on purpose.
DIFFERENT = {
    "contract-014": "there are no variables: nothing goes through Jinja",
    "contract-015": "there are no variables: nothing goes through Jinja",
    "contract-023": BROKEN,
    "contract-024": BROKEN,
    "contract-025": BROKEN,
    "contract-031": "put_nowait has a thousand places, not one",
    "contract-032": "put_nowait takes lists, as put does",
    "contract-033": "a queue has qsize, full and empty",
    "contract-034": "what is put is copied: each state is an event",
    "contract-040": "what was put counts, whatever ends the plugin",
    "contract-042": OTHERS,
    "contract-043": OTHERS,
    "contract-044": OTHERS,
    "contract-045": OTHERS,
    "contract-046": OTHERS,
    "contract-049": "ansible.eda is not installed with the tests",
    "contract-050": "type = timer does what range does",
    "contract-054": "ansible.eda is not installed with the tests",
    "contract-056": "ansible.eda.dashes_to_underscores is the builtin, as it is meant to be",
    **{f"contract-{number:03}": RULES for number in range(71, 77)},
}
# What is not gone through at all: there is no plugin in it, or several sources.
NOT_RUN = {OTHERS, RULES, DIFFERENT["contract-049"], DIFFERENT["contract-050"]}
PATIENCE = 20


def same(found, expected):
    if isinstance(expected, dict) and "$like" in expected:
        return isinstance(found, str) and found != ""
    if isinstance(expected, dict) and "$lone" in expected:
        return found == expected["$lone"].encode().decode("unicode_escape")
    if isinstance(expected, dict):
        return (
            isinstance(found, dict)
            and set(found) == set(expected)
            and all(same(found[key], expected[key]) for key in expected)
        )
    if isinstance(expected, list):
        return isinstance(found, list) and len(found) == len(expected) and all(map(same, found, expected))
    return type(found) is type(expected) and found == expected


def run(case, shim):
    source = dict(case["sources"][0])
    filters = source.pop("filters", [])
    name = source.pop("name", None)
    ((plugin, args),) = source.items()
    with tempfile.TemporaryDirectory() as folder:
        for files in ("plugin_source", "filter_source"):
            for file, text in case.get(files, {}).items():
                with open(os.path.join(folder, file + ".py"), "w") as opened:
                    opened.write(text)
        start = f"import os; TOLD = os.fdopen(os.dup(0), 'rb'); exec(compile(TOLD.read({len(shim)}), 'shim', 'exec'))"
        process = subprocess.Popen(
            [sys.executable, "-c", start],
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        errors = []
        threading.Thread(target=lambda: errors.append(process.stderr.read()), daemon=True).start()
        order = {"plugin": plugin, "args": args or {}, "filters": filters, "name": name or plugin}
        process.stdin.write(shim + json.dumps(order).encode() + b"\n")
        process.stdin.flush()
        said = []
        is_stopped = threading.Event()

        def stop():
            # One that does not end by itself is told to.
            time.sleep(1.5)
            if process.poll() is None:
                is_stopped.set()
                process.terminate()

        if not case["ended_by_itself"]:
            threading.Thread(target=stop, daemon=True).start()
        killing = threading.Timer(PATIENCE, process.kill)
        killing.start()
        for number, line in enumerate(process.stdout, 1):
            said.append(json.loads(line))
            try:
                process.stdin.write(b'{"ack": %d}\n' % number)
                process.stdin.flush()
            except BrokenPipeError:
                pass
        status = process.wait()
        killing.cancel()
        events = [line["event"] for line in said if "event" in line]
        bad = sum("bad" in line for line in said)
        return {"events": events, "status": status, "by_itself": not is_stopped.is_set(), "bad": bad}


def judge(case, found):
    expected = case.get("events", [])
    if case["id"] == "contract-039":
        # What the rule printed.
        found["events"] = [event["i"] for event in found["events"]]
    return (
        same(found["events"], expected)
        and found["by_itself"] == case["ended_by_itself"]
        and found["status"] == case.get("exit_status", 0)
        and found["bad"] == 0
    )


shim = b"".join(open(path, "rb").read() for path in sys.argv[1:4])
with open(sys.argv[4]) as file:
    cases = json.load(file)["cases"]
for case in cases:
    reason = DIFFERENT.get(case["id"])
    if reason in NOT_RUN:
        continue
    found = run(case, shim)
    if judge(case, found) == (reason is not None):
        print(case["id"], case["title"], "|", str(found)[:2000], "| expected", json.dumps(case.get("events"))[:500], case.get("exit_status"))
print(len(cases), "cases")
