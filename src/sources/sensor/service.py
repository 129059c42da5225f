"""What a sensor gets as sensor_service. It follows common.py.

Besides events, a sensor's lines ask for values of the store: {"ask": 3, "get": "pack.Class:name"} is answered by
{"answer": 3, "value": "text"}, or by {"answer": 3, "error": "why not"}."""

import collections
import contextlib
import datetime
import itertools
import os
import signal
import types

# So many values are asked for at a time.
PAGE = 100

DOES_NOT_ENCRYPT = "the store keeps nothing encrypted: keep secrets in files that only the user of the service can read"


class Stopped(SystemExit):
    """The service takes nothing any more, so the sensor is to end. No Exception: most sensors catch those."""


def as_json(value):
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


class Link(Pipe):
    """Lines to the service, and what it answers, for any number of threads.

    Waiting is done with locks that eventlet does not replace: while a thread waits, so do all its green threads."""

    def __init__(self, pipe, longest):
        super().__init__(pipe)
        self.longest = longest
        self.acknowledged = 0
        # The number of a line, and the lock that opens once that is on disk; in order.
        self.waiting = collections.deque()
        self.numbers = itertools.count(1)
        # Of each question that has no answer yet, the lock that opens, and where the answer goes.
        self.asked = {}
        self.is_closed = False
        # The thread that is told to end; whether it was told to, whether it is at a line or its answer, and whether it is
        # to end after that.
        self.main = thread_id()
        self.is_told = False
        self.is_busy = False
        self.is_due = False
        # Cleans up and ends the process; None before there is a sensor, and once that has begun.
        self.finish = None

    def put(self, said):
        """Writes a line, and waits until it is on disk. Does not come back, and raises nothing, if it does not get there: a sensor
        might acknowledge what it has dispatched to others however dispatch ends."""
        opened = new_lock()
        opened.acquire()
        with self._busy():
            number = self._write(said, lambda number: self.waiting.append((number, opened)))
            if number is not None:
                opened.acquire()
            if number is None or self.acknowledged < number:
                self._leave()
        self._end_if_due()

    def ask(self, question):
        """Writes a question, and gives the answer. Lines before it are on disk by then."""
        opened, answers = new_lock(), []
        opened.acquire()
        number = next(self.numbers)

        def expect(_):
            self.asked[number] = (opened, answers)

        with self._busy():
            if self._write({"ask": number, **question}, expect) is None:
                raise Stopped
            opened.acquire()
        if not answers:
            raise Stopped
        self._end_if_due()
        if "error" in answers[0]:
            raise ValueError(answers[0]["error"])
        return answers[0]

    def say(self, said):
        """Writes a line, and waits for nothing."""
        with self._busy():
            self._write(said, lambda _: None)
        self._end_if_due()

    def _write(self, said, expect):
        """Writes a line, and gives its number; nothing if the service takes no lines any more."""
        line = json.dumps(said, default=as_json).encode()
        if len(line) > self.longest:
            raise ValueError(f"expected at most {self.longest} bytes as JSON, but found {len(line)}")
        with self.lock:
            expect(self.written + 1)
            # Whoever closes it wakes those that are expected by then.
            if self.is_closed:
                return None
            self.written += 1
            try:
                self.write_all(line + b"\n")
            except BrokenPipeError:
                return None
            return self.written

    @contextlib.contextmanager
    def _busy(self):
        """What the main thread does meanwhile, it does to the end before it is told to end."""
        is_main = thread_id() == self.main
        if is_main:
            self.is_busy = True
        try:
            yield
        finally:
            if is_main:
                self.is_busy = False

    def _end_if_due(self):
        if self.is_due and thread_id() == self.main:
            self.is_due = False
            raise Stopped

    def _leave(self):
        if thread_id() != self.main:
            never = new_lock()
            never.acquire()
            never.acquire()
        if self.finish is None:
            raise Stopped
        self.finish()

    def begin_to_end(self):
        """From now on nothing is interrupted."""
        self.is_told, self.is_due = True, False
        self.finish = None

    def stop(self, *_):
        """Ends what the sensor does, once: the signal and the end of the input mean the same."""
        if self.is_told:
            return
        self.is_told = True
        if self.is_busy:
            self.is_due = True
        else:
            raise Stopped

    def listen(self, lines, grace):
        """Reads what the service tells, to the end: then it has gone, or wants this to end."""
        for line in lines:
            told = json.loads(line)
            if "ack" in told:
                self.acknowledged = told["ack"]
                while self.waiting and self.waiting[0][0] <= self.acknowledged:
                    self.waiting.popleft()[1].release()
            else:
                opened, answers = self.asked.pop(told["answer"])
                answers.append(told)
                opened.release()
        self.is_closed = True
        while self.waiting:
            self.waiting.popleft()[1].release()
        while self.asked:
            self.asked.popitem()[1][0].release()
        os.kill(os.getpid(), signal.SIGTERM)
        # Nobody else may be there to see to it.
        sleep(grace)
        os._exit(1)


class Polling:
    """How polling goes: what is raised is told, and put off."""

    LONGEST = 300

    def __init__(self, link, logger):
        self.link, self.logger = link, logger
        self.failures = 0

    def failed(self, error, interval):
        """Tells of it, and gives how long to wait."""
        self.failures += 1
        wait = min(max(interval, 1) * 2 ** min(self.failures - 1, 20), max(interval, self.LONGEST))
        self.logger.error("poll raised; polling again in %s s", wait, exc_info=error)
        self.link.say({"failing": f"poll raised {described(error)}"[:SHOWN]})
        return wait

    def went_well(self):
        if self.failures:
            self.logger.info("poll works again (failures: %d)", self.failures)
            self.link.say({"failing": None})
        self.failures = 0


class SensorService:
    def __init__(self, link, pack, class_name):
        import logging

        self._link, self._logging = link, logging
        self._pack, self._class_name = pack, class_name
        self._logger = self.get_logger("service")

    def get_logger(self, name):
        return self._logging.getLogger(f"SensorWrapper.{self._pack}.{self._class_name}.{name}")

    def get_user_info(self):
        import pwd

        try:
            name = pwd.getpwuid(os.getuid()).pw_name
        except KeyError:
            name = str(os.getuid())
        return {"username": name, "rbac": {"enabled": False, "roles": [], "is_admin": False}}

    def dispatch(self, trigger, payload=None, trace_tag=None):
        """Comes back once the event is on disk. What can be no event is kept in quarantine."""
        if isinstance(trigger, dict) and "name" in trigger and "pack" in trigger:
            trigger = f"{trigger['pack']}.{trigger['name']}"
        payload = {} if payload is None else payload
        if not isinstance(trigger, str):
            return self._refuse("a trigger like `pack.name`", trigger, payload)
        if not isinstance(payload, dict):
            return self._refuse("an object as payload", trigger, payload)
        said = {"trigger": trigger, "payload": payload}
        if trace_tag:
            said["trace_tag"] = str(trace_tag)
        try:
            json.dumps(said, default=as_json)
        except (TypeError, ValueError, RecursionError) as error:
            return self._refuse(f"a payload that JSON can hold ({error})", trigger, payload)
        self._link.put(said)

    def dispatch_with_context(self, trigger, payload=None, trace_context=None):
        if isinstance(trace_context, dict):
            trace_tag = trace_context.get("trace_tag")
        else:
            trace_tag = getattr(trace_context, "trace_tag", None)
        self.dispatch(trigger, payload, trace_tag)

    def _refuse(self, expected, trigger, payload):
        self._logger.warning("expected %s: what was dispatched is in quarantine", expected)
        self._link.put({"bad": f"expected {expected}"[:SHOWN], "text": f"{trigger!r} {payload!r}"[:KEPT]})

    def get_value(self, name, local=True, scope="system", decrypt=False):
        return self._link.ask({"get": self._name(name, local, scope)})["value"]

    def set_value(self, name, value, ttl=None, local=True, scope="system", encrypt=False):
        if encrypt:
            raise ValueError(DOES_NOT_ENCRYPT)
        question = {"set": self._name(name, local, scope), "value": str(value)}
        if ttl:
            question["ttl"] = ttl
        return self._link.ask(question)["done"]

    def delete_value(self, name, local=True, scope="system"):
        return self._link.ask({"delete": self._name(name, local, scope)})["done"]

    def list_values(self, local=True, prefix=None, limit=None, offset=None):
        begin = self._name(prefix or "", local)
        found, after, skipped = [], None, offset or 0
        while True:
            page = self._link.ask({"list": begin, "after": after, "limit": PAGE})["values"]
            found += page
            if len(page) < PAGE or (limit is not None and len(found) >= skipped + limit):
                break
            after = page[-1]["name"]
        found = found[skipped:]
        return [
            types.SimpleNamespace(id=it["name"], name=it["name"], value=it["value"], scope="system")
            for it in (found if limit is None else found[:limit])
        ]

    def _name(self, name, local, scope="system"):
        if scope not in ("system", "st2kv.system"):
            raise ValueError(f"the store has no scope {scope}: leave it out")
        return f"{self._pack}.{self._class_name}:{name}" if local else name
