"""A client of the benchmark `rpc` on gRPC's C-core through its API for Python, as benches/README.md describes it.

Callers are tasks of asyncio on one thread: the interpreter runs one thread at a time, and threads would only add
switches. The options are those of the client in C++. Most of what a call costs is the interpreter's; allocations are not
counted.
"""

import asyncio
import collections
import json
import os
import resource
import sys
import time

import grpc
import grpc.aio
from google.protobuf.wrappers_pb2 import StringValue

PROTOCOL = 1
STREAM_WINDOW = 2 << 20
# How long a client with many backends waits before it looks at its memory.
SETTLED_SECS = 0.5
# How many times as many calls as backends may be made until all are connected.
PATIENCE = 100
# Far longer than a call takes, so only the cost of setting it is measured.
TIMEOUT_SECS = 20
# Messages of HelloRequest and HelloReply have the field of a StringValue.
CODEC = {"request_serializer": StringValue.SerializeToString, "response_deserializer": StringValue.FromString}


class Channels:
    """The channels that earlier rounds have made."""

    def __init__(self, setup):
        self._setup = setup
        self._made = {}

    def get(self, case):
        """Returns the channel for a case. It is made when the first round needs it."""
        key = case["backends"], case["tls"]
        if key not in self._made:
            self._made[key] = self.make(*key)
        return self._made[key]

    def make(self, count, is_encrypted):
        """Makes a channel to the backends of the setup."""
        return self._make_to(self._setup["tls_backends" if is_encrypted else "backends"][:count], is_encrypted)

    def make_resident(self, count):
        """Makes a channel to many backends: 127.1.N.H, with the port of the first one."""
        port = self._setup["backends"][0].rpartition(":")[2]
        return self._make_to([f"127.1.{at // 250}.{at % 250 + 1}:{port}" for at in range(count)], False)

    def _make_to(self, backends, is_encrypted):
        options = [
            ("grpc.lb_policy_name", "pick_first" if len(backends) == 1 else "round_robin"),
            ("grpc.http2.lookahead_bytes", STREAM_WINDOW),
            ("grpc.http2.bdp_probe", 0),
            ("grpc.enable_retries", 0),
            ("grpc.enable_http_proxy", 0),
            ("grpc.use_local_subchannel_pool", 1),
            # Otherwise it is the list of addresses, which HTTP/2 servers reject.
            ("grpc.default_authority", self._setup["server_name"]),
        ]
        target = "ipv4:" + ",".join(backends)
        if not is_encrypted:
            return grpc.aio.insecure_channel(target, options)
        options.append(("grpc.ssl_target_name_override", self._setup["server_name"]))
        credentials = grpc.ssl_channel_credentials(self._setup["root_pem"].encode())
        return grpc.aio.secure_channel(target, credentials, options)


def text(caller, call, length):
    """Returns what a call sends, and expects back."""
    return f"{caller:04}-{call:08}-".ljust(length, "x")


def compare(reply, name):
    if reply.value != name:
        raise ValueError("the reply is that of another call")


async def calls(channel, case, caller, count, times):
    """Makes unary calls, one after the other. Adds the time of each to `times`, if that is a list."""
    say_hello = channel.unary_unary("/helloworld.Greeter/SayHello", **CODEC)
    timeout = TIMEOUT_SECS if case["timeout"] else None
    for call in range(count):
        name = text(caller, call, case["bytes"])
        start = time.perf_counter_ns() if times is not None else 0
        reply = await say_hello(StringValue(value=name), timeout=timeout)
        if times is not None:
            times.append(time.perf_counter_ns() - start)
        compare(reply, name)


async def cold_calls(channels, case, caller, count, times):
    """Makes unary calls, each on a channel that is made for it and closed after it."""
    for call in range(count):
        start = time.perf_counter_ns() if times is not None else 0
        async with channels.make(case["backends"], case["tls"]) as channel:
            name = text(caller, call, case["bytes"])
            reply = await channel.unary_unary("/helloworld.Greeter/SayHello", **CODEC)(StringValue(value=name))
            if times is not None:
                times.append(time.perf_counter_ns() - start)
            compare(reply, name)


def sockets():
    """Returns how many sockets this process has open."""
    count = 0
    for file in os.listdir("/proc/self/fd"):
        try:
            count += os.readlink(f"/proc/self/fd/{file}").startswith("socket:")
        except FileNotFoundError:
            pass  # It has been closed meanwhile.
    return count


async def resident(channels, order):
    """Connects a channel to many backends, and returns the memory that this takes."""
    case = order["case"]
    before = status_bytes("VmRSS")
    async with channels.make_resident(case["backends"]) as channel:
        for _ in range(PATIENCE):
            if sockets() >= case["backends"]:
                break
            await calls(channel, case, 0, case["backends"], None)
        if sockets() < case["backends"]:
            raise ValueError(f"{sockets()} of {case['backends']} backends are connected")
        await calls(channel, case, 0, order["calls"], None)
        await asyncio.sleep(SETTLED_SECS)
        return {"cpu_ns": 0, "rss_bytes": max(status_bytes("VmRSS") - before, 0)}


async def stream(channel, case, count, times):
    """Makes one call that sends messages and gets each back. The case bounds the messages on their way."""
    call = channel.stream_stream("/helloworld.Greeter/SayHelloBidiStream", **CODEC)()
    sent = collections.deque()

    async def receive():
        reply = await call.read()
        if reply is grpc.aio.EOF:
            raise ValueError("the call ended before its last reply")
        name, start = sent.popleft()
        if times is not None:
            times.append(time.perf_counter_ns() - start)
        compare(reply, name)

    for number in range(count):
        if len(sent) == max(case["in_flight"], 1):
            await receive()
        name = text(0, number, case["bytes"])
        sent.append((name, 0 if times is None else time.perf_counter_ns()))
        await call.write(StringValue(value=name))
    await call.done_writing()
    while sent:
        await receive()
    if await call.read() is not grpc.aio.EOF:
        raise ValueError("more replies than messages")
    if await call.code() is not grpc.StatusCode.OK:
        raise ValueError(f"{await call.code()}: {await call.details()}")


async def run(channels, order, times):
    case, count = order["case"], order["calls"]
    if case["kind"] == "stream":
        await stream(channels.get(case), case, count, times)
        return
    if case["kind"] == "cold":
        make, source = cold_calls, channels
    elif case["kind"] == "unary":
        make, source = calls, channels.get(case)
    else:
        raise ValueError(f"it cannot do {case['kind']}")
    share, rest = divmod(count, case["in_flight"])
    callers = (make(source, case, at, share + (at < rest), times) for at in range(case["in_flight"]))
    await asyncio.gather(*callers)


def percentiles(times):
    """Returns the percentiles 50, 90 and 99; None if no times were measured."""
    if not times:
        return None
    times.sort()
    return [times[(len(times) - 1) * percent // 100] for percent in (50, 90, 99)]


def status_bytes(name):
    """Returns a field of /proc/self/status that has kibibytes, in bytes."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith(f"{name}:"))


async def measure(channels, order):
    """Runs a round, and returns what it cost this process."""
    if order["case"]["kind"] == "resident":
        return await resident(channels, order)
    if order["case"]["kind"] != "cold":
        channels.get(order["case"])
    times = [] if order["measure"] == "latency" else None
    before = resource.getrusage(resource.RUSAGE_SELF)
    await run(channels, order, times)
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {
        "cpu_ns": round(cpu * 1e9),
        "latency_ns": percentiles(times),
        "allocations": None,
        # ru_maxrss would count the parent of the process, too.
        "max_rss_bytes": status_bytes("VmHWM"),
        "voluntary_switches": after.ru_nvcsw - before.ru_nvcsw,
        "involuntary_switches": after.ru_nivcsw - before.ru_nivcsw,
    }


def send(line):
    print(json.dumps(line), flush=True)


async def main():
    can = ["unary", "stream", "round_robin", "tls", "timeout", "cold", "resident"]
    send({"hello": {"protocol": PROTOCOL, "name": "C-core, Python", "version": grpc.__version__, "can": can}})
    channels = Channels(json.loads(sys.stdin.readline())["setup"])
    # Nothing else has to run between rounds, so that reading may block the thread.
    for line in sys.stdin:
        try:
            answer = {"result": await measure(channels, json.loads(line)["round"])}
        except (grpc.RpcError, ValueError) as failure:
            answer = {"failure": str(failure)}
        send(answer)


asyncio.run(main())
