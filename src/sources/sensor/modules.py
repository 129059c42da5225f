"""The modules of StackStorm that sensors import. It follows common.py and service.py.

There is a stand-in for eventlet, too, if the Python of the pack has none: what sensors use of it is mostly sleep."""

import abc
import importlib.util
import re


# In seconds, if nothing says another one: some sensors say None.
POLL_INTERVAL = 5


def stand_in(name, is_package=False, **members):
    module = types.ModuleType(name, "A stand-in that comes with esi-event-actions.")
    if is_package:
        module.__path__ = []
    vars(module).update(members)
    sys.modules[name] = module
    parent, _, last = name.rpartition(".")
    if parent:
        setattr(sys.modules[parent], last, module)
    return module


class BaseSensor(abc.ABC):
    def __init__(self, sensor_service, config=None):
        self.sensor_service = self._sensor_service = sensor_service
        self.config = self._config = config or {}

    @abc.abstractmethod
    def setup(self):
        """Called once, first."""

    @abc.abstractmethod
    def run(self):
        """Dispatches, until the end."""

    @abc.abstractmethod
    def cleanup(self):
        """Called once, last."""

    @abc.abstractmethod
    def add_trigger(self, trigger):
        """Not called: rules give triggers no parameters here."""

    @abc.abstractmethod
    def update_trigger(self, trigger):
        """Not called."""

    @abc.abstractmethod
    def remove_trigger(self, trigger):
        """Not called."""


class Sensor(BaseSensor):
    """Runs by itself."""


class PollingSensor(BaseSensor):
    """Is asked to poll, again and again. What poll raises does not end it."""

    # Set before there is any.
    _polling = None

    def __init__(self, sensor_service, config=None, poll_interval=POLL_INTERVAL):
        super().__init__(sensor_service=sensor_service, config=config)
        self._poll_interval = poll_interval

    @abc.abstractmethod
    def poll(self):
        """Dispatches what is new."""

    def run(self):
        import eventlet

        while True:
            raised = None
            try:
                self.poll()
            except (SystemExit, KeyboardInterrupt):
                raise
            except BaseException as error:
                raised = error
            interval = self._poll_interval or POLL_INTERVAL
            if raised is None:
                self._polling.went_well()
            else:
                interval = self._polling.failed(raised, interval)
            eventlet.sleep(interval)

    def get_poll_interval(self):
        return self._poll_interval

    def set_poll_interval(self, poll_interval):
        self._poll_interval = poll_interval


def use_eventlet():
    """Makes what waits green, as StackStorm does, if there is eventlet."""
    try:
        import eventlet
    except ImportError:

        def lacking(name):
            if name.startswith("__"):
                raise AttributeError(name)
            raise ImportError(f"there is no eventlet.{name}: install eventlet for the `python` of this source")

        stand_in(
            "eventlet",
            sleep=lambda seconds=0: time.sleep(seconds),
            monkey_patch=lambda **_: None,
            __getattr__=lacking,
        )
        return
    eventlet.monkey_patch()


# What st2common.util.isotime takes for a time.
ISO = re.compile(r"\d{4}-\d\d-\d\d[\sT]\d\d:\d\d:\d\d(\.\d{3,6})?(Z|\+00|\+0000|\+00:00)")


def iso_validate(value, raise_exception=True):
    if isinstance(value, datetime.datetime) or ISO.fullmatch(value):
        return True
    if raise_exception:
        raise ValueError("Datetime value does not match expected format.")
    return False


def iso_parse(value):
    iso_validate(value)
    if isinstance(value, datetime.datetime):
        return add_utc_tz(value)
    text = re.sub(r"(Z|\+00|\+0000|\+00:00)$", "", value).replace(" ", "T")
    whole, _, part = text.partition(".")
    made = datetime.datetime.fromisoformat(whole)
    return made.replace(microsecond=int(part.ljust(6, "0") or 0), tzinfo=datetime.timezone.utc)


def iso_format(dt, usec=True, offset=True):
    dt = iso_parse(dt) if isinstance(dt, str) else dt
    text = dt.strftime("%Y-%m-%dT%H:%M:%S.%f" if usec else "%Y-%m-%dT%H:%M:%S")
    if not offset:
        zone = dt.tzname() or "UTC"
        return text + ("Z" if zone == "UTC" else zone)
    zone = dt.strftime("%z") or "+0000"
    return f"{text}{zone[:3]}:{zone[3:]}"


def utc_now():
    return datetime.datetime.now(datetime.timezone.utc)


def add_utc_tz(dt):
    return dt if dt.tzinfo else dt.replace(tzinfo=datetime.timezone.utc)


def convert_to_utc(dt):
    return add_utc_tz(dt).astimezone(datetime.timezone.utc)


def provide_modules(polling):
    PollingSensor._polling = polling
    stand_in("st2reactor", True)
    stand_in("st2reactor.sensor", True)
    stand_in("st2reactor.sensor.base", Sensor=Sensor, PollingSensor=PollingSensor, BaseSensor=BaseSensor)
    if importlib.util.find_spec("st2common") is not None:
        return
    stand_in("st2common", True)
    stand_in("st2common.util", True)
    stand_in("st2common.util.isotime", format=iso_format, validate=iso_validate, parse=iso_parse)
    stand_in(
        "st2common.util.date",
        get_datetime_utc_now=utc_now,
        add_utc_tz=add_utc_tz,
        convert_to_utc=convert_to_utc,
        parse=iso_parse,
    )
