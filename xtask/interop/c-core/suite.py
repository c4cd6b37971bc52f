"""A C-core server of gRPC's interop suite on loopback.

Usage: suite.py --protos FOLDER --certificate FILE --key FILE --client-ca FILE --max-streams NUMBER

FOLDER has grpc/testing/test.proto, from which the stubs are made at the start. The server prints one line
of JSON on standard output once it accepts connections:
{"plaintext": "127.0.0.1:41234", "tls": "127.0.0.1:41235", "mtls": "127.0.0.1:41236"}. The last one demands a
client certificate from the authority in the last file. The server ends when its standard input ends.

The Python API of C-core does not show whether a request message was compressed, so `expect_compressed` is
not checked.
"""

import argparse
import json
import os
import pathlib
import sys
import time
from concurrent import futures

# It logs each client that it refuses.
os.environ["GRPC_VERBOSITY"] = "NONE"

import grpc

# A free port of loopback.
FREE = "127.0.0.1:0"

INITIAL = "x-grpc-test-echo-initial"
TRAILING = "x-grpc-test-echo-trailing-bin"


def echo_metadata(context):
    """Sends back the two headers of the suite."""
    for key, value in context.invocation_metadata():
        if key == INITIAL:
            context.send_initial_metadata([(key, value)])
        elif key == TRAILING:
            context.set_trailing_metadata([(key, value)])


def echo_status(request, context):
    """Ends the call if the request asks for a status other than OK."""
    if request.response_status.code != 0:
        codes = {code.value[0]: code for code in grpc.StatusCode}
        context.abort(codes[request.response_status.code], request.response_status.message)


def service(messages, services):
    """Returns the service, made from the generated modules."""

    def payload(size):
        return messages.Payload(body=b"\0" * size)

    class Tests(services.TestServiceServicer):
        """Methods that are not here are answered with UNIMPLEMENTED."""

        def EmptyCall(self, request, context):
            return request

        def UnaryCall(self, request, context):
            if request.response_compressed.value:
                context.set_compression(grpc.Compression.Gzip)
            echo_metadata(context)
            echo_status(request, context)
            return messages.SimpleResponse(payload=payload(request.response_size))

        def StreamingInputCall(self, requests, context):
            size = sum(len(request.payload.body) for request in requests)
            return messages.StreamingInputCallResponse(aggregated_payload_size=size)

        def StreamingOutputCall(self, request, context):
            if any(one.compressed.value for one in request.response_parameters):
                context.set_compression(grpc.Compression.Gzip)
            yield from self.responses(request, context)

        def FullDuplexCall(self, requests, context):
            echo_metadata(context)
            for request in requests:
                echo_status(request, context)
                yield from self.responses(request, context)

        def responses(self, request, context):
            for one in request.response_parameters:
                time.sleep(one.interval_us / 1e6)
                if not one.compressed.value:
                    context.disable_next_message_compression()
                address = context.peer() if one.fill_peer_socket_address.value else ""
                yield messages.StreamingOutputCallResponse(
                    payload=payload(one.size), peer_socket_address=address
                )

    return Tests()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--protos", required=True, help="folder of the protos")
    parser.add_argument("--certificate", required=True, help="PEM file with the certificate of the server")
    parser.add_argument("--key", required=True, help="PEM file with its key")
    parser.add_argument("--client-ca", required=True, help="PEM file with the authority of client certificates")
    parser.add_argument("--max-streams", type=int, required=True, help="most concurrent calls on a connection")
    args = parser.parse_args()

    sys.path.insert(0, args.protos)
    # The package of these protos has the name of grpcio's own.
    grpc.__path__.append(str(pathlib.Path(args.protos, "grpc")))
    _, services = grpc.protos_and_services("grpc/testing/test.proto")
    messages = grpc.protos("grpc/testing/messages.proto")
    # A call has a thread for as long as it is open.
    threads = futures.ThreadPoolExecutor(max_workers=128)
    server = grpc.server(threads, options=[("grpc.max_concurrent_streams", args.max_streams)])
    services.add_TestServiceServicer_to_server(service(messages, services), server)
    read = lambda file: pathlib.Path(file).read_bytes()
    pairs = [(read(args.key), read(args.certificate))]
    ports = {
        "plaintext": server.add_insecure_port(FREE),
        "tls": server.add_secure_port(FREE, grpc.ssl_server_credentials(pairs)),
        "mtls": server.add_secure_port(
            FREE, grpc.ssl_server_credentials(pairs, read(args.client_ca), require_client_auth=True)
        ),
    }
    server.start()
    print(json.dumps({kind: f"127.0.0.1:{port}" for kind, port in ports.items()}), flush=True)
    sys.stdin.read()
    server.stop(None).wait()


if __name__ == "__main__":
    main()
