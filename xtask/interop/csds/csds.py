"""A client of the client status discovery service on C-core, with the stubs of xds-protos.

Usage: csds.py --address ADDRESS

It reads the clients of control planes in a program, by both methods of the service, and prints them as one line
of JSON on standard output. Times are checked here and are not printed, and contents are compared with their
names: a check that fails ends the program with its text.
"""

import argparse
import json

import grpc
from envoy.admin.v3 import config_dump_shared_pb2
from envoy.config.cluster.v3 import cluster_pb2
from envoy.config.endpoint.v3 import endpoint_pb2
from envoy.config.listener.v3 import listener_pb2
from envoy.config.route.v3 import route_pb2
from envoy.service.status.v3 import csds_pb2, csds_pb2_grpc
from envoy.type.matcher.v3 import node_pb2

# The seconds that a call may take.
LIMIT = 10

# How the kinds of resources are read, and where their names are.
KINDS = {
    "envoy.config.listener.v3.Listener": (listener_pb2.Listener, "name"),
    "envoy.config.route.v3.RouteConfiguration": (route_pb2.RouteConfiguration, "name"),
    "envoy.config.cluster.v3.Cluster": (cluster_pb2.Cluster, "name"),
    "envoy.config.endpoint.v3.ClusterLoadAssignment": (endpoint_pb2.ClusterLoadAssignment, "cluster_name"),
}


def resource_of(config):
    """Returns what is shown of a resource."""
    kind = config.type_url.removeprefix("type.googleapis.com/")
    message, field = KINDS[kind]
    if config.HasField("xds_config"):
        contents = message()
        assert config.xds_config.Unpack(contents), f"{config.name} has contents of another type"
        assert getattr(contents, field) == config.name, f"{config.name} has the contents of another resource"
    assert config.HasField("xds_config") == bool(config.version_info) == config.HasField("last_updated"), config
    error = None
    if config.HasField("error_state"):
        state = config.error_state
        assert state.last_update_attempt.ToNanoseconds() >= config.last_updated.ToNanoseconds() > 0, config
        error = {"version": state.version_info, "details": state.details}
    assert not config.is_static_resource
    return {
        "kind": kind.rpartition(".")[2],
        "name": config.name,
        "state": config_dump_shared_pb2.ClientResourceStatus.Name(config.client_status),
        "version": config.version_info,
        "error": error,
    }


def client_of(config):
    """Returns what is shown of a client."""
    resources = [resource_of(resource) for resource in config.generic_xds_configs]
    return {
        "scope": config.client_scope,
        "node": config.node.id,
        "agent": config.node.user_agent_name,
        "resources": sorted(resources, key=lambda resource: (resource["kind"], resource["name"])),
    }


def clients_of(answer):
    clients = [client_of(config) for config in answer.config]
    return sorted(clients, key=lambda client: client["scope"])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--address", required=True, help="address of the service")
    args = parser.parse_args()

    with grpc.insecure_channel(args.address, options=[("grpc.enable_http_proxy", 0)]) as channel:
        stub = csds_pb2_grpc.ClientStatusDiscoveryServiceStub(channel)
        request = csds_pb2.ClientStatusRequest()
        fetched = clients_of(stub.FetchClientStatus(request, timeout=LIMIT))
        streamed = [clients_of(answer) for answer in stub.StreamClientStatus(iter([request, request]), timeout=LIMIT)]
        matching = csds_pb2.ClientStatusRequest(node_matchers=[node_pb2.NodeMatcher()])
        try:
            stub.FetchClientStatus(matching, timeout=LIMIT)
            code = "OK"
        except grpc.RpcError as error:
            code = error.code().name
        empty = csds_pb2.ClientStatusRequest(exclude_resource_contents=True)
        answer = stub.FetchClientStatus(empty, timeout=LIMIT)
        contents = [resource.HasField("xds_config") for config in answer.config for resource in config.generic_xds_configs]
    found = {
        "clients": fetched,
        "streamed": [answer == fetched for answer in streamed],
        "with_matchers": code,
        "with_excluded_contents": any(contents),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
