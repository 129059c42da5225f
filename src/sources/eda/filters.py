"""The filters that ansible-rulebook calls eda.builtin.NAME, for rulebooks that come from there: each takes an
event, and gives one, or a list of them."""

import datetime
import fnmatch
import re
import sys
import uuid


class PathNotExistError(Exception):
    """There is nothing at a path."""


def noop(event):
    return event


def _renamed(value, rename):
    if isinstance(value, list):
        return [_renamed(item, rename) for item in value]
    if not isinstance(value, dict):
        return value
    return rename({key: _renamed(item, rename) for key, item in value.items()})


def dashes_to_underscores(event, overwrite=True):
    def rename(fields):
        for key in list(fields):
            if "-" in key:
                value = fields.pop(key)
                name = key.replace("-", "_")
                if overwrite or name not in fields:
                    fields[name] = value
        return fields

    return _renamed(event, rename)


def normalize_keys(event, overwrite=True):
    def rename(fields):
        renamed = {}
        for key, value in fields.items():
            name = re.sub(r"\W+", "_", key)
            if name == key or overwrite or name not in fields:
                renamed[name] = value
        return renamed

    return _renamed(event, rename)


def json_filter(event, exclude_keys=None, include_keys=None):
    def is_among(key, patterns):
        return key in patterns or any(fnmatch.fnmatchcase(key, pattern) for pattern in patterns)

    excluded, included = exclude_keys or [], include_keys or []

    def kept(value):
        if not isinstance(value, dict):
            return value
        return {
            key: kept(item)
            for key, item in value.items()
            if is_among(_text(key), included) or not is_among(_text(key), excluded)
        }

    return kept(event)


def _text(key):
    if not isinstance(key, str):
        raise TypeError(f"expected str, bytes or os.PathLike object, not {type(key).__name__}")
    return key


def _all_at(value, names):
    """Every value at a path; its names may be patterns, and indices of lists."""
    if not names:
        return [value]
    name, rest = names[0], names[1:]
    if isinstance(value, dict):
        found = [value[key] for key in value if fnmatch.fnmatchcase(str(key), name)]
    elif isinstance(value, list):
        if re.fullmatch(r"-?\d+", name):
            found = value[int(name) :][:1] if -len(value) <= int(name) < len(value) else []
        else:
            found = [item for at, item in enumerate(value) if fnmatch.fnmatchcase(str(at), name)]
    else:
        found = []
    return [deeper for item in found for deeper in _all_at(item, rest)]


def _at(event, path, separator="."):
    found = _all_at(event, path.strip(separator).split(separator))
    if len(found) > 1:
        raise ValueError(f"dpath.get() globs must match only one leaf: {path}")
    if not found:
        raise KeyError(path)
    return found[0]


def insert_hosts_to_meta(
    event, host_path=None, host_separator=None, path_separator=".", raise_error=False, log_error=True
):
    if not host_path:
        return event
    try:
        hosts = _at(event, host_path, path_separator)
    except KeyError:
        message = f"Event {event} does not contain {host_path}"
        if log_error:
            print(message, file=sys.stderr)
        if raise_error:
            raise PathNotExistError(message) from None
        return event
    if isinstance(hosts, str):
        hosts = hosts.split(host_separator) if host_separator else [hosts]
    for host in hosts if isinstance(hosts, (list, tuple)) else [hosts]:
        if not isinstance(host, str):
            raise TypeError(f"{host} is not a valid hostname")
    event.setdefault("meta", {})["hosts"] = hosts
    return event


def event_splitter(event, splitter_key, attributes_key_map=None, extras=None, raise_error=False):
    try:
        parts = _at(event, splitter_key)
    except KeyError:
        if raise_error:
            raise KeyError(splitter_key) from None
        return [event]
    more = {}
    for name, path in (attributes_key_map or {}).items():
        try:
            more[name] = _at(event, path)
        except KeyError:
            print(f"there is no {path} in the event", file=sys.stderr)
    more.update(extras or {})
    events = []
    for part in parts:
        if more:
            part.update(more)
        events.append(part)
    return events


def insert_meta_info(event, source_name, source_type):
    if "meta" not in event:
        event["meta"] = {}
    meta = event["meta"]
    if "source" not in meta:
        meta["source"] = {}
    meta["source"].setdefault("name", source_name)
    meta["source"].setdefault("type", source_type)
    if "received_at" not in meta:
        now = datetime.datetime.now(datetime.timezone.utc)
        meta["received_at"] = now.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    if "uuid" not in meta:
        meta["uuid"] = str(uuid.uuid4())
    return event


BUILTIN = {
    filter.__name__: filter
    for filter in (
        noop,
        dashes_to_underscores,
        normalize_keys,
        json_filter,
        insert_hosts_to_meta,
        event_splitter,
        insert_meta_info,
    )
}
