"""A Kafka for tests: librdkafka's mock cluster, which speaks the protocol over real sockets.

Has as many brokers as its argument says. Prints their ports; then it does what each line of JSON on its standard input says, and prints an answer each:

{"make": TOPIC, "partitions": N}       makes a topic: null
{"lead": TOPIC, "partition": P, "broker": B}   has this broker lead a partition: null
{"down": B}, {"up": B}                 has a broker go away and come back: null
{"send": TOPIC, "partition": P, "messages": [{"value": BASE64, "key": BASE64, "headers": [[NAME, BASE64]]}],
 "options": {}}                        sends messages, all in one batch if there is room: their offsets
"""
import base64
import ctypes
import json
import sys

from confluent_kafka import Producer

library = ctypes.CDLL("librdkafka.so.1")
library.rd_kafka_new.restype = ctypes.c_void_p
library.rd_kafka_mock_cluster_new.restype = ctypes.c_void_p
library.rd_kafka_mock_cluster_new.argtypes = [ctypes.c_void_p, ctypes.c_int]
library.rd_kafka_mock_cluster_bootstraps.restype = ctypes.c_char_p
library.rd_kafka_mock_cluster_bootstraps.argtypes = [ctypes.c_void_p]
library.rd_kafka_mock_topic_create.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int, ctypes.c_int]
library.rd_kafka_mock_partition_set_leader.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int32, ctypes.c_int32]
library.rd_kafka_mock_broker_set_down.argtypes = [ctypes.c_void_p, ctypes.c_int32]
library.rd_kafka_mock_broker_set_up.argtypes = [ctypes.c_void_p, ctypes.c_int32]

error = ctypes.create_string_buffer(512)
client = library.rd_kafka_new(0, None, error, len(error))
cluster = library.rd_kafka_mock_cluster_new(client, int(sys.argv[1]))
addresses = library.rd_kafka_mock_cluster_bootstraps(cluster).decode()
producers = {}


def producer(options):
    """One for each set of options."""
    name = json.dumps(options, sort_keys=True)
    if name not in producers:
        settings = {"bootstrap.servers": addresses, "linger.ms": 5, "message.max.bytes": 100_000_000}
        producers[name] = Producer({**settings, **options})
    return producers[name]


def bytes_of(text):
    return None if text is None else base64.b64decode(text)


def do(order):
    failure = None
    if "make" in order:
        failure = library.rd_kafka_mock_topic_create(cluster, order["make"].encode(), order["partitions"], 1)
    elif "lead" in order:
        topic, partition, broker = order["lead"].encode(), order["partition"], order["broker"]
        failure = library.rd_kafka_mock_partition_set_leader(cluster, topic, partition, broker)
    elif "down" in order:
        failure = library.rd_kafka_mock_broker_set_down(cluster, order["down"])
    elif "up" in order:
        failure = library.rd_kafka_mock_broker_set_up(cluster, order["up"])
    assert not failure, failure
    if failure is not None:
        return None
    offsets = {}
    sender = producer(order.get("options") or {})
    for number, message in enumerate(order["messages"]):

        def sent(failure, receipt, number=number):
            assert failure is None, failure
            offsets[number] = receipt.offset()

        headers = [(name, bytes_of(value)) for name, value in message.get("headers") or []]
        sender.produce(
            order["send"],
            value=bytes_of(message.get("value")),
            key=bytes_of(message.get("key")),
            headers=headers,
            partition=order["partition"],
            on_delivery=sent,
        )
    assert sender.flush(60) == 0, "not sent"
    return [offsets[number] for number in sorted(offsets)]


print(*[address.rsplit(":", 1)[1] for address in addresses.split(",")], flush=True)
for line in sys.stdin:
    print(json.dumps(do(json.loads(line))), flush=True)
