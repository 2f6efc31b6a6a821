"""The messages of services that filters ask (authorization, rate limits), and how what those got is shown."""
import struct

from .dsl import early
from .h2 import DATA, HEADERS, S, block, h2_frames, h2_messages, h2_wait_end


def varint(n):
    out = b""
    n &= (1 << 64) - 1
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


def f(number, value):
    """A field: of a number a varint, of anything else its bytes."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value


def struct_of(fields):
    """google.protobuf.Struct of strings, numbers, booleans, lists and such."""
    return b"".join(f(1, f(1, k) + f(2, value_of(v))) for k, v in fields.items())


def value_of(v):
    if isinstance(v, bool):
        return f(4, int(v))
    if isinstance(v, (int, float)):
        return varint(2 << 3 | 1) + struct.pack("<d", v)
    if isinstance(v, str):
        return f(3, v)
    if isinstance(v, dict):
        return f(5, struct_of(v))
    return f(1, 0) if v is None else f(6, b"".join(f(1, value_of(x)) for x in v))


def framed(data, flags=0):
    return bytes([flags]) + struct.pack(">I", len(data)) + data


def reply(data, status=0, *trailers):
    """A whole answer of one message."""
    return h2_frames(HEADERS(S, block(":status: 200", "content-type: application/grpc"), False), DATA(S, framed(data)),
                     HEADERS(S, block(f"grpc-status: {status}", *trailers)))


ANSWERING = ":status: 200", "content-type: application/grpc"


def talk(*answers, status=0, message=None, ends=True):
    """A stream of both directions: an answer (None: none) to each message as it comes; then, when the client has ended, the
    status. Operations among the answers come between them. `ends`: False, the status follows at once; None, there is none."""
    out, n = early(), 0
    head = HEADERS(S, block(*ANSWERING), False)
    for answer in answers:
        if isinstance(answer, list):
            out += answer
            continue
        n += 1
        out += h2_messages(n)
        if answer is not None:
            out += h2_frames(*([head] if head else []), *(DATA(S, part) for part in in_frames(framed(answer))))
            head = b""
    if ends is None:
        return out + [("hold",)]
    last = HEADERS(S, block(f"grpc-status: {status}", *([] if message is None else [f"grpc-message: {message}"])))
    return out + (h2_wait_end() if ends else []) + h2_frames(*([head] if head else []), last)


def in_frames(data):
    return [data[i:i + 16384] for i in range(0, len(data), 16384)]


# How messages are shown: by number, the name and the kind of a field: a dict is a message, [kind] a repeated field, (kind,) a map.
ADDRESS = {1: ("socket_address", {2: ("address", str), 3: ("port", int)}), 2: ("pipe", {1: ("path", str)})}
METADATA = {1: ("filter_metadata", ("struct",))}
PEER = {1: ("address", ADDRESS), 2: ("service", str), 3: ("labels", (str,)), 4: ("principal", str), 5: ("certificate", str)}
HTTP = {1: ("id", str), 2: ("method", str), 3: ("headers", (str,)), 4: ("path", str), 5: ("host", str), 6: ("scheme", str), 7: ("query", str), 8: ("fragment", str),
        9: ("size", "signed"), 10: ("protocol", str), 11: ("body", str), 12: ("raw_body", str),
        13: ("header_map", {1: ("headers", [{1: ("key", str), 2: ("value", str), 3: ("raw_value", str)}])})}
CHECK = {1: ("attributes", {1: ("source", PEER), 2: ("destination", PEER), 4: ("request", {1: ("time", None), 2: ("http", HTTP)}), 10: ("context_extensions", (str,)),
                            11: ("metadata_context", METADATA), 13: ("route_metadata_context", METADATA), 12: ("tls_session", {1: ("sni", str)})})}
FIELDS = {1: ("headers", [{1: ("key", str), 2: ("value", str), 3: ("raw_value", str)}])}
HEADS = {1: ("headers", FIELDS), 3: ("end_of_stream", int)}
BODY = {1: ("body", str), 2: ("end_of_stream", int)}
PROCESS = {2: ("request_headers", HEADS), 3: ("response_headers", HEADS), 4: ("request_body", BODY), 5: ("response_body", BODY),
           6: ("request_trailers", {1: ("trailers", FIELDS)}), 7: ("response_trailers", {1: ("trailers", FIELDS)}), 8: ("metadata_context", METADATA),
           9: ("attributes", ("struct",)), 10: ("observability_mode", int), 11: ("protocol_config", {1: ("request_body_mode", int), 2: ("response_body_mode", int), 3: ("no_wait", int)})}
ENTRY = {1: ("key", str), 2: ("value", str)}
LIMIT = {1: ("domain", str), 2: ("descriptors", [{1: ("entries", [ENTRY]), 2: ("limit", {1: ("requests", int), 2: ("unit", int)}), 3: ("hits_addend", {1: ("value", int)}),
                                                  4: ("is_negative_hits", int)}]), 3: ("hits_addend", int)}


def number(data, at):
    n = shift = 0
    while True:
        n |= (data[at] & 127) << shift
        shift += 7
        at += 1
        if data[at - 1] < 128:
            return n, at


def fields(data):
    at = 0
    while at < len(data):
        key, at = number(data, at)
        if key & 7 == 0:
            value, at = number(data, at)
        elif key & 7 == 1:
            value, at = data[at:at + 8], at + 8
        else:
            size, at = number(data, at)
            value, at = data[at:at + size], at + size
        yield key >> 3, value


def shown_value(data):
    for n, v in fields(data):
        if n == 2:
            return struct.unpack("<d", v)[0]
        if n == 3:
            return v.decode()
        if n == 4:
            return bool(v)
        if n == 5:
            return shown(v, "struct")
        if n == 6:
            return [shown_value(x) for _, x in fields(v)]
    return None


def shown(data, kind):
    if kind == "struct":
        return dict(sorted((pair[1].decode(), shown_value(pair[2])) for pair in (dict(fields(v)) for _, v in fields(data))))
    if kind is None:
        return "<any>"
    if kind is str:
        return data.decode("utf-8", "backslashreplace") if isinstance(data, bytes) else str(data)
    if not isinstance(kind, dict):
        return data - (1 << 64) if kind == "signed" and data >> 63 else data
    out = {}
    for n, v in fields(data):
        name, its = kind.get(n, (f"unknown {n}", str))
        if isinstance(its, list):
            out.setdefault(name, []).append(shown(v, its[0]))
        elif isinstance(its, tuple):
            pair = dict(fields(v))
            out.setdefault(name, {})[pair.get(1, b"").decode()] = shown(pair.get(2, b""), its[0])
        else:
            out[name] = shown(v, its)
    return {k: dict(sorted(v.items())) if isinstance(kind.get(n, ("", 0))[1], tuple) else v for k, v in out.items() for n in [next((i for i, x in kind.items() if x[0] == k), 0)]}


def of_frame(body, kind):
    if len(body) < 5:
        return body
    return {"frame": body[:1].hex(), "rest": len(body) - 5 - struct.unpack(">I", body[1:5])[0], **shown(body[5:], kind)}


def check_request(record):
    """What an authorization service got over gRPC; not how a call ended that was given up."""
    body = of_frame(record["body"], CHECK)
    if isinstance(body, dict):
        a = body.get("attributes", {})
        socket = a.get("source", {}).get("address", {}).get("socket_address", {})
        if "port" in socket:
            socket["port"] = "<any>"
        request = a.get("request", {})
        if request.get("http", {}).get("id"):
            request["http"]["id"] = "<id>"
    return {**{k: v for k, v in record.items() if k != "end"}, "body": body}


def limit_request(record):
    """What a rate limit service got."""
    return {**{k: v for k, v in record.items() if k != "end"}, "body": of_frame(record["body"], LIMIT)}


def brief_fields(message, name):
    part = message.get(name, {})
    fields = part.get("headers", part.get("trailers", {})).get("headers", [])
    lines = [f"{h['key']}: {h.get('value', '')}{h.get('raw_value', '')}" for h in fields]
    pseudo = sorted(line for line in lines if line.startswith(":"))
    return {**part, **({"headers": pseudo + [x for x in lines if not x.startswith(":")]} if "headers" in part or "trailers" in part else {})}


def process_request(record):
    """What a processor got, message by message; fields of a head as lines."""
    body, messages = record["body"], []
    body = body.encode("latin-1") if isinstance(body, str) else body
    while len(body) >= 5:
        size = struct.unpack(">I", body[1:5])[0]
        m = shown(body[5:5 + size], PROCESS)
        messages.append({k: brief_fields(m, k) if k.endswith(("headers", "trailers")) else v for k, v in m.items()})
        body = body[5 + size:]
    kept = {k: v for k, v in record.items() if k != "end"}
    return {**kept, "body": messages + ([f"{len(body)} bytes more"] if body else [])}


def sorted_fields(record):
    """Its headers come out of a map, in no order."""
    return {**record, "headers": sorted(record["headers"])}
