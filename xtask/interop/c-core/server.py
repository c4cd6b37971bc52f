"""A C-core server on loopback that greets, tells its health, and counts.

Usage: server.py [--listen ADDRESS]

It prints one line of JSON on standard output once it accepts connections:
{"event": "ready", "address": "127.0.0.1:41234"}; and one with its counters for each line "counts" on
standard input: {"event": "counts", "calls": {"/helloworld.Greeter/SayHello": 3}}. On SIGTERM, and when
its standard input ends, it sends GOAWAY, lets running calls finish, prints the counters as the event
"stopped", and ends.
"""

import argparse
import collections
import json
import signal
import sys
import threading
from concurrent import futures

import grpc
from google.protobuf import wrappers_pb2
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

# How long a call may still run after SIGTERM, in seconds.
GRACE = 10

printing = threading.Lock()


def emit(event, **fields):
    """Prints one event as a line of JSON."""
    with printing:
        print(json.dumps({"event": event, **fields}), flush=True)


class Counters(grpc.ServerInterceptor):
    """Counts the calls of each method."""

    def __init__(self):
        self.lock = threading.Lock()
        self.calls = collections.Counter()

    def intercept_service(self, continuation, details):
        with self.lock:
            self.calls[details.method] += 1
        return continuation(details)

    def snapshot(self):
        with self.lock:
            return dict(self.calls)


def say_hello(request, _context):
    return wrappers_pb2.StringValue(value="Hello " + request.value)


def greeter():
    """helloworld.Greeter without generated code.

    HelloRequest and HelloReply are on the wire what the well-known StringValue is: one string in field 1.
    """
    method = grpc.unary_unary_rpc_method_handler(
        say_hello,
        request_deserializer=wrappers_pb2.StringValue.FromString,
        response_serializer=wrappers_pb2.StringValue.SerializeToString,
    )
    return grpc.method_handlers_generic_handler("helloworld.Greeter", {"SayHello": method})


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--listen", default="127.0.0.1:0", help="port 0 takes a free one")
    listen = parser.parse_args().listen

    counters = Counters()
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=8), interceptors=[counters])
    server.add_generic_rpc_handlers([greeter()])
    states = health.HealthServicer()
    for service in ("", "helloworld.Greeter"):
        states.set(service, health_pb2.HealthCheckResponse.SERVING)
    health_pb2_grpc.add_HealthServicer_to_server(states, server)
    port = server.add_insecure_port(listen)
    server.start()

    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    signal.signal(signal.SIGINT, lambda *_: stop.set())

    def answer():
        for line in sys.stdin:
            if line.strip() == "counts":
                emit("counts", calls=counters.snapshot())
        # Whoever started this holds the other end: when they are gone, so is this.
        stop.set()

    threading.Thread(target=answer, daemon=True).start()
    emit("ready", address=f"{listen.rpartition(':')[0]}:{port}")
    stop.wait()
    server.stop(GRACE).wait()
    emit("stopped", calls=counters.snapshot())


if __name__ == "__main__":
    main()
