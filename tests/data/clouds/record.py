"""Records which login and which address of ESI Leap the real `openstack` client makes of settings.

    python -m venv v && v/bin/pip install python-openstackclient python-esileapclient
    v/bin/python tests/data/clouds/record.py v/bin/openstack [PART OF A NAME...]

With parts of names, only those cases are asked again, and those that are new.

Each case of cases.py is asked of the program itself, with a Keystone and an ESI Leap on a port of
this machine that say yes to everything and write down what they are asked. variants.json has, for
each case, the body of the request for a token, its path, and the path of the question for events;
or the last line that the program printed instead. The catalogue is `catalog`, unless a case has its own. `$CLOUD` stands for the address of both, `$HOME`
for the home folder; the working folder is `$HOME/work`, so `work/clouds.yaml` is a file there.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import metadata
from pathlib import Path

from cases import CASES, CATALOG

HERE = Path(__file__).parent
asked = []
catalog = []


class Cloud(BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def answer(self, status, body, **headers):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(data)

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        asked.append(("login", self.path, body))
        token = {
            "methods": ["password"],
            "user": {"id": "u", "name": "u", "domain": {"id": "default", "name": "Default"}},
            "project": {"id": "p", "name": "p", "domain": {"id": "default", "name": "Default"}},
            "roles": [{"id": "r", "name": "member"}],
            "issued_at": "2026-11-21T08:00:00.000000Z",
            "expires_at": "2099-11-21T08:00:00.000000Z",
            "catalog": json.loads(json.dumps(catalog).replace("$CLOUD", cloud)),
        }
        self.answer(201, {"token": token}, X_Subject_Token="a-token")

    def do_GET(self):
        path = self.path.split("?")[0].rstrip("/")
        version = lambda id, at: {
            "id": id, "status": "stable", "updated": "2020-04-07T00:00:00Z",
            "links": [{"rel": "self", "href": cloud + at}],
            "media-types": [{"base": "application/json", "type": "application/json"}],
        }
        if path.endswith("/events"):
            asked.append(("events", self.path, None))
            self.answer(200, {"events": []})
        elif path.endswith("/v3"):
            self.answer(200, {"version": version("v3.14", path + "/")})
        elif path.startswith("/leap"):
            at = path.removesuffix("/v1")
            self.answer(200, {"versions": [version("v1", at + "/v1/")]})
        elif path.endswith("/v2.0"):
            self.answer(404, {"error": {"code": 404, "message": "no", "title": "Not Found"}})
        else:
            self.answer(300, {"versions": {"values": [version("v3.14", path + "/v3/")]}})


server = ThreadingHTTPServer(("127.0.0.1", 0), Cloud)
cloud = f"http://127.0.0.1:{server.server_port}"
threading.Thread(target=server.serve_forever, daemon=True).start()


def record(case, program):
    home = Path(tempfile.mkdtemp())
    put = lambda text: text.replace("$CLOUD", cloud).replace("$HOME", str(home))
    (home / "work").mkdir()
    for name, text in case["files"].items():
        path = home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(put(text).encode())
        path.chmod(0o600)
    env = {"HOME": str(home), "PATH": "/usr/bin:/bin"}
    env |= {name: put(value) for name, value in case["environment"].items()}
    catalog[:] = case.get("catalog", CATALOG)
    asked.clear()
    words = ["--os-cloud", case["cloud"]] if case["cloud"] else []
    words += ["esi", "event", "list", "--last-event-id", "0", "--format", "json"]
    done = subprocess.run([program, *words], env=env, cwd=home / "work", capture_output=True,
                          text=True, stdin=subprocess.DEVNULL, timeout=60)
    shutil.rmtree(home)
    logins = [entry for entry in asked if entry[0] == "login"]
    events = [entry for entry in asked if entry[0] == "events"]
    if done.returncode == 0 and logins and events:
        return {"login": logins[0][2], "keystone": logins[0][1], "events": events[0][1]}
    lines = [line for line in done.stderr.splitlines() if line.strip()] or ["nothing"]
    hide = lambda text: text.replace(cloud, "$CLOUD").replace(str(home), "$HOME")
    return {"error": re.sub(r"0x[0-9a-f]+", "0x", hide(lines[-1]))}


def main():
    program, only = os.path.abspath(sys.argv[1]), sys.argv[2:]
    recorded = []
    kept = {}
    if only:
        kept = {case["name"]: case for case in json.loads((HERE / "variants.json").read_text())["cases"]}
    for case in CASES:
        if only and case["name"] in kept and not any(part in case["name"] for part in only):
            recorded.append(kept[case["name"]])
            continue
        case["client"] = record(case, program)
        print(case["name"], "->", json.dumps(case["client"])[:200], flush=True)
        recorded.append(case)
    packages = ["python-openstackclient", "osc-lib", "openstacksdk", "keystoneauth1", "esisdk",
                "python-esileapclient", "PyYAML"]
    versions = {package: metadata.version(package) for package in packages}
    text = json.dumps({"versions": versions, "catalog": CATALOG, "cases": recorded}, indent=1, ensure_ascii=True)
    (HERE / "variants.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
