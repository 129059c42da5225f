"""Stands in for `openstack` with ESI Leap's plugin.

Formats, errors and exit statuses are those of the real one (tests/data/cli). What it answers, and
what goes wrong, a test writes beside it (tests/support/openstack.rs); each call is told in calls.log.
"""

import json
import os
import re
import signal
import sys
import time

FOLDER = os.path.dirname(os.path.abspath(__file__))
API = "http://127.0.0.1:56732/v1"
UUID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
TOLD = ("OS_", "LISTEN_", "WATCHDOG_", "NOTIFY_SOCKET", "CREDENTIALS_DIRECTORY", "PATH", "HOME")
CALL = "%d-%d" % (os.getpid(), time.monotonic_ns())


def read(name):
    with open(os.path.join(FOLDER, name), encoding="utf-8") as file:
        return json.load(file)


def tell(**what):
    line = json.dumps({"call": CALL, **what}) + "\n"
    log = os.open(os.path.join(FOLDER, "calls.log"), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(log, line.encode())
    os.close(log)


def linger():
    """Stays until it is killed; or until the test has gone, lest anything outlive it."""
    while os.path.exists(__file__):
        time.sleep(0.02)
    os._exit(1)


def end(status, stdout="", stderr=""):
    sys.stderr.write(stderr)
    sys.stderr.flush()
    sys.stdout.write(stdout)
    sys.stdout.flush()
    tell(ended=time.monotonic_ns())
    os._exit(status)


def events(last):
    try:
        last = int(last)
    except ValueError as error:
        return 1, "", (
            f"BadRequestException: 400: Client Error for url: {API}/events?last_event_id={last}, "
            f"Invalid input for field/attribute last_event_id. Value: {last!r}. "
            f"unable to convert to int. Error: {error}\n"
        )
    rows = [row for row in read("rows.json") if last <= 0 or row["ID"] > last]
    # As `indent=2` prints them, but quick.
    texts = (json.dumps(row, separators=(",\n    ", ": "))[1:-1] for row in rows)
    rows = ",\n".join("  {\n    " + text + "\n  }" for text in texts)
    return 0, f"[\n{rows}\n]\n" if rows else "[]\n", ""


def lease(name):
    leases = read("leases.json")
    url = f"{API}/leases/{name}"
    if name in leases and leases[name] is not None:
        return 0, json.dumps(leases[name], indent=2) + "\n", ""
    if name in leases:
        why = f"Client Error for url: {url}, Access was denied to lease {name}."
    elif UUID.fullmatch(name):
        why = f"Server Error for url: {url}, 'NoneType' object has no attribute 'owner_id'"
    else:
        why = f"Client Error for url: {url}, Lease with name or uuid {name} not found."
    return 1, "", f"No Lease found for {name}: {why}\n"


def fault_of(places):
    faults = read("faults.json")
    return next((faults[place] for place in places if place in faults), {"kind": "none"})


def main():
    words = sys.argv[1:]
    if words[:1] == ["--os-cloud"]:
        words = words[2:]
    if words == ["esi", "event", "list", "--format", "json"]:
        words[3:3] = ["--last-event-id", "0"]
    if words[:4] == ["esi", "event", "list", "--last-event-id"] and words[5:] == ["--format", "json"]:
        places, answer = ["events"], lambda: events(words[4])
    elif words[:3] == ["esi", "lease", "show"] and words[4:] == ["--format", "json"]:
        places, answer = ["lease " + words[3], "leases"], lambda: lease(words[3])
    else:
        end(2, stderr=f"openstack: {' '.join(words)!r} is not an openstack command. See 'openstack --help'.\n")

    fault = fault_of(places)
    if fault["kind"] == "gate":
        tell(held=True)
        while fault["kind"] == "gate":
            time.sleep(0.005)
            fault = fault_of(places) if os.path.exists(__file__) else linger()
    if fault["kind"] == "exit":
        end(fault["status"], stderr=fault["stderr"])
    if fault["kind"] == "prints":
        end(0, fault["stdout"])
    if fault["kind"] == "hang":
        if fault["deaf"]:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if not fault["child"] or os.fork():
            tell(held=True)
        linger()
    if fault["kind"] == "delay":
        time.sleep(fault["seconds"])
    status, stdout, stderr = answer()
    if fault["kind"] == "cut":
        stdout = stdout[: len(stdout) // 2]
    if fault["kind"] == "warns":
        stderr = fault["stderr"] + stderr
    if fault["kind"] == "leaves-child" and not os.fork():
        linger()
    end(status, stdout, stderr)


tell(
    pid=os.getpid(),
    began=time.monotonic_ns(),
    argv=sys.argv[1:],
    folder=os.getcwd(),
    stdin=os.readlink("/proc/self/fd/0"),
    env={name: value for name, value in os.environ.items() if name.startswith(TOLD)},
)
main()
