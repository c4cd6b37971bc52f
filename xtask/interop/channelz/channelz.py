"""A channelz client on C-core, with the stubs of grpcio-channelz.

Usage: channelz.py --address ADDRESS --page-size NUMBER

It reads all channels of a program, page by page, with their subchannels and sockets, and prints them as one
line of JSON on standard output. Ids and times are checked here and are not printed: a check that fails ends the
program with its text.
"""

import argparse
import ipaddress
import json

import grpc
from grpc_channelz.v1 import channelz_pb2, channelz_pb2_grpc

# The seconds that a call may take.
LIMIT = 10


class Ids:
    """All ids that were seen: each is positive, and belongs to one thing."""

    def __init__(self):
        self.seen = {}

    def add(self, id, kind, name):
        assert id > 0, f"{kind} {name} has the id {id}"
        known = self.seen.setdefault(id, (kind, name))
        assert known == (kind, name), f"{known} and {(kind, name)} have the id {id}"


def pages_of_channels(stub, size):
    """Reads the channels, and returns the pages."""
    pages = []
    start = 0
    while True:
        request = channelz_pb2.GetTopChannelsRequest(start_channel_id=start, max_results=size)
        answer = stub.GetTopChannels(request, timeout=LIMIT)
        ids = [channel.ref.channel_id for channel in answer.channel]
        assert ids == sorted(ids) and all(id >= start for id in ids), f"a page has the ids {ids}"
        assert ids or answer.end, "a page without channels is not the last"
        pages.append(list(answer.channel))
        if answer.end:
            return pages
        start = ids[-1] + 1


def data_of(data):
    """Returns what channels and subchannels have in common."""
    created = data.trace.creation_timestamp.ToNanoseconds()
    times = [event.timestamp.ToNanoseconds() for event in data.trace.events]
    assert created > 0 and times == sorted(times) and all(time >= created for time in times), times
    assert len(data.trace.events) <= data.trace.num_events_logged
    last = data.last_call_started_timestamp.ToNanoseconds()
    assert (last >= created) == (data.calls_started > 0), f"the last call was at {last}"
    return {
        "target": data.target,
        "state": channelz_pb2.ChannelConnectivityState.State.Name(data.state.state),
        "calls": [data.calls_started, data.calls_succeeded, data.calls_failed],
        "events": [event.description for event in data.trace.events],
    }


def address_of(address):
    assert address.HasField("tcpip_address"), f"not TCP: {address}"
    return f"{ipaddress.ip_address(address.tcpip_address.ip_address)}:{address.tcpip_address.port}"


def socket_of(stub, ref, ids):
    answer = stub.GetSocket(channelz_pb2.GetSocketRequest(socket_id=ref.socket_id), timeout=LIMIT)
    socket, data = answer.socket, answer.socket.data
    assert socket.ref == ref, f"asked for {ref}, got {socket.ref}"
    ids.add(ref.socket_id, "socket", ref.name)
    has_stream = data.last_local_stream_created_timestamp.ToNanoseconds() > 0
    assert has_stream == (data.streams_started > 0), "the last stream has no time"
    assert not data.HasField("received_goaway_error")
    return {
        "name": ref.name,
        "local": address_of(socket.local).rpartition(":")[0],
        "remote": address_of(socket.remote),
        "streams": [data.streams_started, data.streams_succeeded, data.streams_failed],
        "messages": [data.messages_sent, data.messages_received],
        "windows": [data.local_flow_control_window.value > 0, data.remote_flow_control_window.value > 0],
        "peer_max_concurrent_streams": data.peer_max_concurrent_streams,
        "cipher": socket.security.tls.standard_name,
        "certificate": socket.security.tls.remote_certificate.hex(),
    }


def subchannel_of(stub, ref, ids):
    request = channelz_pb2.GetSubchannelRequest(subchannel_id=ref.subchannel_id)
    subchannel = stub.GetSubchannel(request, timeout=LIMIT).subchannel
    assert subchannel.ref == ref, f"asked for {ref}, got {subchannel.ref}"
    ids.add(ref.subchannel_id, "subchannel", ref.name)
    return {
        "name": ref.name,
        **data_of(subchannel.data),
        "max_connections": subchannel.data.max_connections_per_subchannel,
        "sockets": [socket_of(stub, socket, ids) for socket in subchannel.socket_ref],
    }


def channel_of(stub, channel, ids):
    ref = channel.ref
    ids.add(ref.channel_id, "channel", ref.name)
    alone = stub.GetChannel(channelz_pb2.GetChannelRequest(channel_id=ref.channel_id), timeout=LIMIT)
    assert alone.channel.ref == ref, f"asked for {ref}, got {alone.channel.ref}"
    for event in channel.data.trace.events:
        if event.HasField("subchannel_ref"):
            ids.add(event.subchannel_ref.subchannel_id, "subchannel", event.subchannel_ref.name)
    subchannels = [subchannel_of(stub, subchannel, ids) for subchannel in channel.subchannel_ref]
    return {
        "name": ref.name,
        **data_of(channel.data),
        "subchannels": sorted(subchannels, key=lambda subchannel: subchannel["name"]),
    }


def code_of(call, request):
    """Returns the code of a call that fails."""
    try:
        call(request, timeout=LIMIT)
    except grpc.RpcError as error:
        return error.code().name
    return "OK"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--address", required=True, help="address of the service")
    parser.add_argument("--page-size", required=True, type=int, help="the most channels of a page")
    args = parser.parse_args()

    with grpc.insecure_channel(args.address, options=[("grpc.enable_http_proxy", 0)]) as channel:
        stub = channelz_pb2_grpc.ChannelzStub(channel)
        ids = Ids()
        pages = pages_of_channels(stub, args.page_size)
        channels = [channel_of(stub, channel, ids) for page in pages for channel in page]
        servers = stub.GetServers(channelz_pb2.GetServersRequest(), timeout=LIMIT)
        nothing = max(ids.seen, default=0) + 1_000_000
        found = {
            "pages": [len(page) for page in pages],
            "channels": channels,
            "servers": [len(servers.server), servers.end],
            "unknown": [
                code_of(stub.GetChannel, channelz_pb2.GetChannelRequest(channel_id=nothing)),
                code_of(stub.GetSubchannel, channelz_pb2.GetSubchannelRequest(subchannel_id=nothing)),
                code_of(stub.GetSocket, channelz_pb2.GetSocketRequest(socket_id=nothing)),
                code_of(stub.GetServer, channelz_pb2.GetServerRequest(server_id=nothing)),
            ],
        }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
