"""Runs one event source plugin of Ansible, unchanged. It follows common.py and filters.py."""

import asyncio
import collections
import copy
import inspect
import runpy
import signal
import threading

# So many events may be under way before put_nowait refuses another one, and so many wait to be told of in
# eda_feedback_queue.
PLACES = 1000

FOLDERS = {
    "event_source": ("extensions/eda/plugins/event_source", "plugins/event_source"),
    "event_filter": ("extensions/eda/plugins/event_filter", "plugins/event_filter"),
}


def collections_of():
    """Every folder that may hold ansible_collections."""
    named = os.environ.get("ANSIBLE_COLLECTIONS_PATH") or os.environ.get("ANSIBLE_COLLECTIONS_PATHS")
    usual = ["~/.ansible/collections", "/usr/share/ansible/collections"]
    folders = named.split(os.pathsep) if named else usual
    return [os.path.expanduser(folder) for folder in folders if folder] + sys.path


def find(name, kind):
    """The file of a plugin: named by its path, by its name beside the configuration, or as NAMESPACE.COLLECTION.NAME."""
    if "/" in name or name.endswith(".py"):
        looked_at = [name]
    elif name.count(".") < 2:
        looked_at = [name + ".py"]
    else:
        namespace, collection, plugin = name.split(".", 2)
        path = plugin.replace(".", "/") + ".py"
        if (namespace, collection) == ("eda", "builtin"):
            looked_at = [os.path.join(folder, "ansible_rulebook", kind, path) for folder in sys.path]
        else:
            looked_at = [
                os.path.join(folder, "ansible_collections", namespace, collection, within, path)
                for folder in collections_of()
                for within in FOLDERS[kind]
            ]
    for path in looked_at:
        if os.path.isfile(path):
            return os.path.abspath(path)
    raise NotFound(f"there is no {kind.replace('_', ' ')} {name}: looked for " + ", ".join(looked_at))


def builtin_name(name):
    """The name of the builtin filter that is meant, if one is: those of ansible.eda are redirected to them."""
    for begin in ("eda.builtin.", "ansible.eda."):
        if name.startswith(begin) and name[len(begin) :] in BUILTIN:
            return name[len(begin) :]
    return None


def load_filter(name):
    builtin = builtin_name(name)
    if builtin:
        return BUILTIN[builtin]
    found = runpy.run_path(find(name, "event_filter"))
    if "main" not in found:
        raise NotFound(f"the event filter {name} has no function main")
    return found["main"]


class Output(Pipe):
    """Writes lines, and knows which of them are on disk."""

    def __init__(self, loop, pipe):
        super().__init__(pipe)
        self.loop = loop
        self.acknowledged = 0
        # The number of a line, and who waits until that is on disk; in order.
        self.waiting = collections.deque()
        self.is_closed = False

    async def on_disk(self, number):
        """Waits until that line is on disk."""
        if number <= self.acknowledged:
            return
        if self.is_closed:
            raise asyncio.CancelledError
        waiter = self.loop.create_future()
        self.waiting.append((number, waiter))
        await waiter

    def acknowledge(self, number):
        self.acknowledged = number
        while self.waiting and self.waiting[0][0] <= number:
            _, waiter = self.waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)

    def close(self):
        """Nobody acknowledges anything any more."""
        self.is_closed = True
        for _, waiter in self.waiting:
            waiter.cancel()


class Queue:
    """What a plugin puts events into. It has put and put_nowait, as in ansible-rulebook, and what some plugins ask a
    queue of asyncio."""

    def __init__(self, output, filters, name, kind, feedback):
        self.output, self.filters = output, filters
        self.name, self.kind = name, kind
        self.feedback = feedback

    def _events(self, data):
        events = data if isinstance(data, list) else [data]
        for filter, arguments in self.filters:
            filtered = []
            for event in events:
                made = filter(event, **arguments)
                filtered += made if isinstance(made, list) else [made]
            events = filtered
        return [insert_meta_info(event, self.name, self.kind) for event in events]

    def _write(self, data):
        """Writes what was put, as it is now, and gives the events with the number of the last line."""
        try:
            data = copy.deepcopy(data)
        except Exception:
            # It is no JSON, either.
            pass
        events = self._events(data)
        number = 0
        for event in events:
            number = self.output.write(said_of(event))
        return events, number

    async def put(self, data):
        events, number = self._write(data)
        await self.output.on_disk(number)
        if self.feedback is not None:
            for event in events:
                if not self.feedback.full():
                    self.feedback.put_nowait(event)

    def put_nowait(self, data):
        if self.full():
            raise asyncio.QueueFull
        self._write(data)

    def qsize(self):
        return self.output.written - self.output.acknowledged

    def empty(self):
        return self.qsize() == 0

    def full(self):
        return self.qsize() >= PLACES


def said_of(event):
    try:
        json.dumps(event, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        return {"bad": str(error), "text": repr(event)[:KEPT]}
    return {"event": event}


def listen(lines, output, loop, stop):
    """Reads acknowledgements, to the end: then the service has gone, or wants this to end."""
    for line in lines:
        number = json.loads(line)["ack"]
        loop.call_soon_threadsafe(output.acknowledge, number)
    loop.call_soon_threadsafe(output.close)
    loop.call_soon_threadsafe(stop)


async def guarded(main):
    """The exit status that a plugin ends with."""
    try:
        await main
    except SystemExit as error:
        return status_of(error)
    return 0


async def run(order, lines, pipe):
    loop = asyncio.get_running_loop()
    output = Output(loop, pipe)
    plugin, args = order["plugin"], order["args"]
    feedback = asyncio.Queue(PLACES) if args.get("feedback") else None
    if feedback is not None:
        args["eda_feedback_queue"] = feedback
    path = find(plugin, "event_source")
    filters = [
        (load_filter(name), arguments or {})
        for entry in order["filters"]
        for name, arguments in entry.items()
    ]
    is_path = "/" in plugin or plugin.endswith(".py")
    kind = os.path.splitext(os.path.basename(plugin))[0] if is_path else plugin
    main = runpy.run_path(path).get("main")
    if main is None:
        raise NotFound(f"the event source {plugin} has no function main")
    if not inspect.iscoroutinefunction(main):
        raise TypeError(f"main of the event source {plugin} is no coroutine function (async def)")
    queue = Queue(output, filters, order["name"], kind, feedback)
    task = loop.create_task(guarded(main(queue, args)))
    is_told = []

    def stop():
        # Once: the signal and the end of the input mean the same, and cleaning up is not to be cancelled.
        if not is_told:
            is_told.append(True)
            task.cancel()

    loop.add_signal_handler(signal.SIGTERM, stop)
    threading.Thread(target=listen, args=(lines, output, loop, stop), daemon=True).start()
    try:
        return await task
    finally:
        # What was put counts, however it ended.
        if not output.is_closed:
            await output.on_disk(output.written)
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for other in others:
            other.cancel()
        await asyncio.gather(*others, return_exceptions=True)


def start(order):
    pipe = begin("an event source")
    log_to_stderr()
    try:
        # No asyncio.run: that would wait for threads of the plugin's.
        status = asyncio.new_event_loop().run_until_complete(run(order, TOLD, pipe))
    except asyncio.CancelledError:
        status = 0
    except NotFound as error:
        print(error, file=sys.stderr)
        fail(pipe, str(error))
        status = 1
    except BaseException as error:
        traceback.print_exc()
        fail(pipe, described(error))
        status = 1
    end(status)


start(json.loads(TOLD.readline()))
