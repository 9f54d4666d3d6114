"""Makes the calls that it reads from its input (JSON) and prints what it saw of each: see test/e2e/support/call.ts."""

import base64
import json
import sys
import threading
import zlib

import grpc

NOT_COMPARED = {"grpc-timeout", "date", "te", "content-type", "content-length", "host"}
SERVICE = "fairlead.test.v1.Echo"


def write(metadata):
    entries = []
    for key, value in metadata or ():
        if key not in NOT_COMPARED:
            entries.append([key, base64.b64encode(value).decode() if isinstance(value, bytes) else value])
    return sorted(entries, key=lambda entry: entry[0])


PATTERN = bytes((i * 31 + (i >> 8) * 17) & 0xFF for i in range(65536))


def pattern(n):
    return (PATTERN * (n // 65536 + 1))[:n]


def encode(value):
    if not value:
        return b""
    length, prefix = len(value), b"\x0a"
    while length > 0x7F:
        prefix += bytes([length & 0x7F | 0x80])
        length >>= 7
    return prefix + bytes([length]) + value


def summary(answer):
    return f"{len(answer)}:{zlib.crc32(answer):x}"


def observe(channel, call):
    kind = call["kind"]
    path = f"/{SERVICE}/{kind}"
    metadata = [
        (name, base64.b64decode(value) if name.endswith("-bin") else value) for name, value in call.get("metadata", [])
    ]
    options = {
        "metadata": metadata,
        "timeout": call["deadline"] / 1000 if "deadline" in call else None,
        "compression": grpc.Compression.Gzip if call.get("compress") else None,
    }
    messages = [encode(pattern(size)) for size in call["sends"]]
    answers = []
    answered = threading.Semaphore(0)

    def requests():
        for index, message in enumerate(messages):
            if call.get("pingPong") and index > 0:
                answered.acquire()
            yield message
        if call.get("pingPong") and messages:
            answered.acquire()

    one = messages[0] if messages else b""
    if kind in ("Unary", "Missing"):
        made = channel.unary_unary(path).future(one, **options)
    elif kind == "ServerStream":
        made = channel.unary_stream(path)(one, **options)
    elif kind == "ClientStream":
        made = channel.stream_unary(path).future(requests(), **options)
    else:
        made = channel.stream_stream(path)(requests(), **options)

    try:
        if kind in ("ServerStream", "Bidi"):
            for answer in made:
                answers.append(summary(answer))
                answered.release()
                if len(answers) == call.get("cancelAfter"):
                    made.cancel()
        else:
            answers.append(summary(made.result()))
    except (grpc.RpcError, grpc.FutureCancelledError):
        pass
    code = made.code().value[0]
    own = (code == 4 and "deadline" in call) or (code == 1 and "cancelAfter" in call)
    return {
        "code": code,
        "message": "" if own else made.details() or "",
        "headers": write(made.initial_metadata()),
        "trailers": write(made.trailing_metadata()),
        "answers": answers,
    }


def main():
    address = sys.argv[1]
    options = [("grpc.max_receive_message_length", -1), *json.loads(sys.argv[2] if len(sys.argv) > 2 else "{}").items()]
    with grpc.insecure_channel(address, options=options) as channel:
        print(json.dumps([observe(channel, call) for call in json.load(sys.stdin)]))


main()
