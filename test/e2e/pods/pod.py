"""The Echo service on grpcio, in a process of its own: see test/e2e/support/echo.ts for what a call may wish for."""

import argparse
import base64
import json
import os
import signal
import sys
import threading
from concurrent import futures

import grpc

SERVICE = "fairlead.test.v1.Echo"
NOT_COMPARED = {"grpc-timeout", "date", "te", "content-type", "content-length", "host"}
LOCK = threading.Lock()


def say(**report):
    with LOCK:
        sys.stdout.write(json.dumps(report) + "\n")
        sys.stdout.flush()


def write(metadata):
    entries = []
    for key, value in metadata:
        if key not in NOT_COMPARED:
            entries.append([key, base64.b64encode(value).decode() if isinstance(value, bytes) else value])
    return sorted(entries, key=lambda entry: entry[0])


PATTERN = bytes((i * 31 + (i >> 8) * 17) & 0xFF for i in range(65536))


def pattern(n):
    return (PATTERN * (n // 65536 + 1))[:n]


def encode(value):
    """A google.protobuf.BytesValue on the wire."""
    if not value:
        return b""
    length, prefix = len(value), b"\x0a"
    while length > 0x7F:
        prefix += bytes([length & 0x7F | 0x80])
        length >>= 7
    return prefix + bytes([length]) + value


class Call:
    def __init__(self, kind, context):
        self.kind, self.context, self.received, self.over = kind, context, [], threading.Event()
        metadata = context.invocation_metadata()
        self.wishes = {}
        for key, value in metadata:
            self.wishes.setdefault(key, value)
        say(event="call", kind=kind, metadata=write(metadata))
        context.add_callback(self.ended)
        context.send_initial_metadata([(k, v) for k, v in metadata if k.startswith("x-echo-")])
        self.trailers = [(k, v) for k, v in metadata if k.startswith("x-trail-")]
        size = self.wishes.get("x-answer-bytes")
        self.fixed = None if size is None else encode(pattern(int(size)))
        self.answers = int(self.wishes.get("x-answers", "1"))

    def ended(self):
        if not self.over.is_set():
            self.over.set()
            say(event="end", kind=self.kind, how="cancelled")

    def sized(self, request):
        return request if self.fixed is None else self.fixed

    def finish(self):
        if "x-hang" in self.wishes:
            self.over.wait()
            return
        if self.over.is_set():
            return
        self.over.set()
        code = self.wishes.get("x-fail")
        say(event="end", kind=self.kind, how="ok" if code is None else "failed", received=self.received)
        details = self.wishes.get("x-fail-details-bin")
        if details is not None:
            self.trailers.append(("grpc-status-details-bin", details))
        self.context.set_trailing_metadata(self.trailers)
        if code is not None:
            status = next(c for c in grpc.StatusCode if c.value[0] == int(code))
            self.context.abort(status, self.wishes.get("x-fail-message-bin", b"").decode())


def unary(request, context):
    call = Call("Unary", context)
    call.received.append(len(request))
    call.finish()
    return call.sized(request)


def server_stream(request, context):
    call = Call("ServerStream", context)
    call.received.append(len(request))
    for _ in range(call.answers):
        yield call.sized(request)
    call.finish()


def client_stream(requests, context):
    call = Call("ClientStream", context)
    if "x-early" not in call.wishes:
        for request in requests:
            call.received.append(len(request))
    call.finish()
    return encode(str(sum(call.received)).encode())


def bidi(requests, context):
    call = Call("Bidi", context)
    if "x-early" in call.wishes:
        for _ in range(call.answers):
            yield call.sized(b"")
    else:
        for request in requests:
            call.received.append(len(request))
            yield call.sized(request)
    call.finish()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", default="0")
    parser.add_argument("--max-concurrent-streams")
    args = parser.parse_args()
    options = [("grpc.max_receive_message_length", -1), ("grpc.so_reuseport", 0)]
    if args.max_concurrent_streams is not None:
        options.append(("grpc.max_concurrent_streams", int(args.max_concurrent_streams)))
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=32), options=options)
    server.add_generic_rpc_handlers(
        [
            grpc.method_handlers_generic_handler(
                SERVICE,
                {
                    "Unary": grpc.unary_unary_rpc_method_handler(unary),
                    "ServerStream": grpc.unary_stream_rpc_method_handler(server_stream),
                    "ClientStream": grpc.stream_unary_rpc_method_handler(client_stream),
                    "Bidi": grpc.stream_stream_rpc_method_handler(bidi),
                },
            )
        ]
    )
    port = server.add_insecure_port(f"{args.host}:{args.port}")
    server.start()
    say(event="listening", host=args.host, port=port)

    def leave(*_):
        server.stop(60).wait()
        os._exit(0)

    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=leave).start())
    threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
    server.wait_for_termination()


main()
