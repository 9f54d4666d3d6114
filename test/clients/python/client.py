"""Makes the calls that it reads from its input (JSON) with connectrpc and prints what it saw: see test/e2e/support/call.ts."""

import base64
import json
import platform
import sys
import threading
import zlib
from importlib.metadata import version

from connectrpc.client import ConnectClientSync, ResponseMetadata
from connectrpc.codec import proto_json_codec
from connectrpc.compression.gzip import GzipCompression
from connectrpc.errors import ConnectError
from connectrpc.method import IdempotencyLevel, MethodInfo, StreamType
from connectrpc.protocol import ProtocolType
from connectrpc.request import Headers
from protobuf.wkt import BytesValue
from pyqwest import HTTPVersion, SyncClient, SyncHTTPTransport

SERVICE = "fairlead.test.v1.Echo"
CODES = (
    "ok canceled unknown invalid_argument deadline_exceeded not_found already_exists permission_denied resource_exhausted "
    "failed_precondition aborted out_of_range unimplemented internal unavailable data_loss unauthenticated"
).split()
STREAM_TYPES = {
    "ServerStream": StreamType.SERVER_STREAM,
    "ClientStream": StreamType.CLIENT_STREAM,
    "Bidi": StreamType.BIDI_STREAM,
}
PATTERN = bytes((i * 31 + (i >> 8) * 17) & 0xFF for i in range(65536))


def message(size):
    return BytesValue(value=(PATTERN * (size // 65536 + 1))[:size])


def summary(answer):
    encoded = answer.to_binary()
    return f"{len(encoded)}:{zlib.crc32(encoded):x}"


def write(headers):
    return sorted(([key.lower(), value] for key, value in headers.allitems()), key=lambda entry: entry[0])


def observe(client, call, use_get):
    kind = call["kind"]
    idempotency = IdempotencyLevel.NO_SIDE_EFFECTS if use_get else IdempotencyLevel.UNKNOWN
    method = MethodInfo(
        name=kind,
        service_name=SERVICE,
        input=BytesValue,
        output=BytesValue,
        idempotency_level=idempotency,
        stream_type=STREAM_TYPES.get(kind, StreamType.UNARY),
    )
    headers = Headers()
    for name, value in call.get("metadata", []):
        headers.add(name, value)
    options = {"method": method, "headers": headers, "timeout_ms": call.get("deadline")}
    messages = [message(size) for size in call["sends"]]
    answers = []
    answered = threading.Semaphore(0)

    def requests():
        for index, each in enumerate(messages):
            if call.get("pingPong") and index > 0:
                answered.acquire()
            yield each
        if call.get("pingPong") and messages:
            answered.acquire()

    one = messages[0] if messages else message(0)
    seen = {"code": 0, "message": ""}
    with ResponseMetadata() as response:
        try:
            if kind == "ClientStream":
                answers.append(summary(client.execute_client_stream(request=requests(), **options)))
            elif kind in ("ServerStream", "Bidi"):
                if kind == "Bidi":
                    stream = client.execute_bidi_stream(request=requests(), **options)
                else:
                    stream = client.execute_server_stream(request=one, **options)
                for answer in stream:
                    answers.append(summary(answer))
                    answered.release()
                    if len(answers) == call.get("cancelAfter"):
                        # Closing the stream is how a call is cancelled; it has no status then.
                        stream.close()
                        seen["code"] = 1
            else:
                answers.append(summary(client.execute_unary(request=one, use_get=use_get, **options)))
        except ConnectError as error:
            seen["code"], seen["message"] = CODES.index(error.code.value), error.message
            seen["details"] = [
                [detail.type_name, base64.b64encode(detail.message_bytes).decode()] for detail in error.details
            ]
        return {**seen, "headers": write(response.headers), "trailers": write(response.trailers), "answers": answers}


def main():
    if sys.argv[1] == "version":
        print(json.dumps({"connectrpc": version("connectrpc"), "python": platform.python_version()}))
        return
    address, options = sys.argv[1], json.loads(sys.argv[2])
    http_version = HTTPVersion.HTTP1 if options.get("http1") else HTTPVersion.HTTP2
    made = {
        "codec": proto_json_codec() if options.get("json") else None,
        "protocol": {"connect": ProtocolType.CONNECT, "grpc": ProtocolType.GRPC, "grpc-web": ProtocolType.GRPC_WEB}[
            options["protocol"]
        ],
    }
    with SyncHTTPTransport(http_version=http_version) as transport:
        made["http_client"] = SyncClient(transport)
        plain = ConnectClientSync(f"http://{address}", send_compression=None, **made)
        gzip = ConnectClientSync(f"http://{address}", send_compression=GzipCompression(), **made)
        calls = json.load(sys.stdin)
        seen = [observe(gzip if call.get("compress") else plain, call, options.get("get", False)) for call in calls]
    print(json.dumps(seen))


main()
