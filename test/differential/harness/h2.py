"""HTTP/2 frames, and the words of scenarios that use them: what a client and an upstream send."""
from .hpack import incremental, indexed, literal  # noqa: F401 (words of scenarios)

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
CODES = ["NO_ERROR", "PROTOCOL_ERROR", "INTERNAL_ERROR", "FLOW_CONTROL_ERROR", "SETTINGS_TIMEOUT", "STREAM_CLOSED", "FRAME_SIZE_ERROR",
         "REFUSED_STREAM", "CANCEL", "COMPRESSION_ERROR", "CONNECT_ERROR", "ENHANCE_YOUR_CALM", "INADEQUATE_SECURITY", "HTTP_1_1_REQUIRED"]
SETTING_NAMES = {1: "HEADER_TABLE_SIZE", 2: "ENABLE_PUSH", 3: "MAX_CONCURRENT_STREAMS", 4: "INITIAL_WINDOW_SIZE", 5: "MAX_FRAME_SIZE",
                 6: "MAX_HEADER_LIST_SIZE", 8: "ENABLE_CONNECT_PROTOCOL"}
T_DATA, T_HEADERS, T_PRIORITY, T_RST, T_SETTINGS, T_PUSH, T_PING, T_GOAWAY, T_WINDOW, T_CONTINUATION = range(10)
END_STREAM, ACK, END_HEADERS = 1, 1, 4


def code_name(n):
    return CODES[n] if n < len(CODES) else str(n)


def code_of(code):
    return code if isinstance(code, int) else CODES.index(code)


def frame(kind, flags, stream, payload=b""):
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def block(*fields):
    """Header fields as pairs or "name: value", in this order."""
    out = b""
    for f in fields:
        if isinstance(f, bytes):
            out += f
        elif isinstance(f, str):
            at = f.index(":", 1)
            out += literal(f[:at], f[at + 1:].removeprefix(" "))
        else:
            out += literal(*f)
    return out


def pseudo(path="/", method="GET", authority="h.example", scheme="http", protocol=None):
    """The pseudo-headers of a request; None leaves one out."""
    all_of = ((":method", method), (":path", path), (":scheme", scheme), (":authority", authority), (":protocol", protocol))
    return block(*((k, v) for k, v in all_of if v is not None))


def HEADERS(s, fields, end=True, end_headers=True, flags=0):
    return frame(T_HEADERS, END_STREAM * end | END_HEADERS * end_headers | flags, s, fields)


def CONTINUATION(s, fields, end_headers=True):
    return frame(T_CONTINUATION, END_HEADERS * end_headers, s, fields)


def DATA(s, data, end=False):
    return frame(T_DATA, END_STREAM * end, s, data if isinstance(data, bytes) else data.encode())


def RST(s, code):
    return frame(T_RST, 0, s, code_of(code).to_bytes(4, "big"))


def PRIORITY(s, on=0, weight=16):
    return frame(T_PRIORITY, 0, s, on.to_bytes(4, "big") + bytes([weight]))


def SETTINGS(values=None, ack=False):
    ids = {v: k for k, v in SETTING_NAMES.items()}
    return frame(T_SETTINGS, ACK * ack, 0, b"".join((ids[k] if isinstance(k, str) else k).to_bytes(2, "big") + v.to_bytes(4, "big")
                                                    for k, v in (values or {}).items()))


def PING(data=b"\0" * 8, ack=False):
    return frame(T_PING, ACK * ack, 0, data)


def GOAWAY(last, code="NO_ERROR", debug=b""):
    return frame(T_GOAWAY, 0, 0, last.to_bytes(4, "big") + code_of(code).to_bytes(4, "big") + debug)


def WINDOW(s, n):
    return frame(T_WINDOW, 0, s, n.to_bytes(4, "big"))


def request(s, path="/", *fields, end=True, **kw):
    """A HEADERS frame of a request."""
    return HEADERS(s, pseudo(path, **kw) + block(*fields), end)


def settings_of(payload):
    out = {}
    for i in range(0, len(payload), 6):
        n = int.from_bytes(payload[i:i + 2], "big")
        out[SETTING_NAMES.get(n, str(n))] = int.from_bytes(payload[i + 2:i + 6], "big")
    return out


def goaway_of(payload):
    out = f"last={int.from_bytes(payload[:4], 'big') & 0x7fffffff} {code_name(int.from_bytes(payload[4:8], 'big'))}"
    return out + (" " + payload[8:].decode("latin-1") if payload[8:] else "")


def frames_of(buffer):
    """Takes complete frames off a bytearray: (type, flags, stream, payload)."""
    out = []
    at = 0
    while len(buffer) - at >= 9:
        n = int.from_bytes(buffer[at:at + 3], "big")
        if len(buffer) - at < 9 + n:
            break
        stream = int.from_bytes(buffer[at + 5:at + 9], "big") & 0x7fffffff
        out.append((buffer[at + 3], buffer[at + 4], stream, bytes(buffer[at + 9:at + 9 + n])))
        at += 9 + n
    del buffer[:at]
    return out


def unpadded(kind, flags, payload):
    if flags & 8:
        payload = payload[1:len(payload) - payload[0]]
    if kind == T_HEADERS and flags & 0x20:
        payload = payload[5:]
    return payload


# What a client does. Streams have the ids that the scenario gives them.

def h2(c="c", settings=None, first=b"", wait=True, port="port", windows=True, ack=True, reading=True, preface=PREFACE):
    """Opens a connection: preface, SETTINGS and `first` in one write; `wait`: until the proxy's SETTINGS and ACK came. `windows`:
    gives back what it reads at once."""
    return [("h2_open", c, port, preface + (b"" if settings is False else SETTINGS(settings)) + first,
             {"windows": windows, "ack": ack, "reading": reading}, wait)]


def h2_send(*frames, c="c"):
    return [("h2_send", c, b"".join(frames))]


def h2_req(path="/", *fields, s=1, body=None, trailers=None, done=True, c="c", **kw):
    """A whole request, and its answer waited for."""
    out = HEADERS(s, pseudo(path, **kw) + block(*fields), body is None and trailers is None)
    if body is not None:
        body = body if isinstance(body, bytes) else body.encode()
        parts = [body[i:i + 16384] for i in range(0, len(body), 16384)] or [b""]
        for i, part in enumerate(parts):
            out += DATA(s, part, i + 1 == len(parts) and trailers is None)
    if trailers is not None:
        out += HEADERS(s, block(*trailers))
    return h2_send(out, c=c) + (h2_done(s, c=c) if done else [])


def h2_done(*streams, c="c"):
    """Until these streams have ended, in whichever way."""
    return [("h2_done", c, streams)]


def h2_head(s=1, c="c"):
    """Until the head of the answer is there."""
    return [("h2_until", c, "head", s, 1)]


def h2_data(n, s=1, c="c"):
    """Until n bytes of the answer's body are there."""
    return [("h2_until", c, "data", s, n)]


def h2_goaways(n=1, c="c"):
    return [("h2_until", c, "goaways", 0, n)]


def h2_pings(n, c="c"):
    """Until n PINGs of the proxy came."""
    return [("h2_until", c, "pings", 0, n)]


def h2_acks(n, c="c"):
    """Until n answers to our PINGs came."""
    return [("h2_until", c, "ping_acks", 0, n)]


def h2_upload(n, s=1, c="c"):
    """From now on n bytes of DATA go, as the windows allow; the last ends the stream."""
    return [("h2_upload", c, s, n)]


def up_windows(on, up="up"):
    """From now on the upstream (does not) give back windows; what it owes first."""
    return [("up_windows", up, on)]


def h2_ended(c="c"):
    return [("h2_ended", c)]


def h2_windows(on, c="c"):
    """From now on (not) gives back windows at once."""
    return [("h2_set", c, "windows", on)]


def h2_reading(on, c="c"):
    return [("h2_set", c, "reading", on)]


def h2_ping_answers(on, c="c"):
    return [("h2_set", c, "answers", on)]


def h2_show(*what, c="c"):
    """Also compared of this connection: "settings", "windows", "pings", "ping_acks", "window" (of the connection at its begin)."""
    return [("h2_set", c, "shown", what)]


def grows_below(mib, steps):
    """The steps; the proxy's memory grows by less."""
    return [("grows_below", mib, steps)]


def up_resets(n, up="up"):
    """Until the upstream got n RST_STREAM."""
    return [("up_count", up, "resets", n)]


def up_pings(n, up="up"):
    return [("up_count", up, "pings", n)]


def up_goaways(n, up="up"):
    return [("up_count", up, "goaways", n)]


# What an upstream does: the operations of one request. Its stream's id is put in where S is.

S, SELF = 0, 0x7ffffffe


class H2:
    """An HTTP/2 upstream; scripts as of an HTTP/1 one. show: also compared, "settings", "on" (the number of the request's
    connection), "windows", "goaways"."""

    def __init__(self, scripts, settings=None, windows=True, show=(), first=b"", answers=True):
        self.scripts, self.settings, self.windows, self.show, self.first, self.answers = scripts, settings, windows, show, first, answers


def h2_ok(body="ok", *fields, status=200, trailers=None):
    """An answer."""
    body = body if isinstance(body, bytes) else body.encode()
    out = HEADERS(S, block((":status", str(status)), *fields), not body and trailers is None)
    parts = [body[i:i + 16384] for i in range(0, len(body), 16384)]
    for i, part in enumerate(parts):
        out += DATA(S, part, i + 1 == len(parts) and trailers is None)
    if trailers is not None:
        out += HEADERS(S, block(*trailers))
    return h2_frames(out)


def h2_frames(*frames):
    """Frames; those with stream id SELF, and with 0 when they can't have it, get the request's."""
    return [("h2_frames", b"".join(frames))]


def h2_bytes(data):
    """As they are."""
    return [("h2_bytes", data)]


def h2_big_head(n):
    """An answer with a field of n bytes in its head."""
    fields = block((":status", "200"), ("x", "a" * n))
    parts = [fields[i:i + 16384] for i in range(0, len(fields), 16384)]
    return h2_frames(HEADERS(S, parts[0], end_headers=False), *(CONTINUATION(S, part, i + 2 == len(parts)) for i, part in enumerate(parts[1:])))


def h2_body(n):
    """DATA of n bytes as the windows allow, the stream ends."""
    return [("h2_body", n)]


def h2_wait_end():
    """Until the request has ended."""
    return [("h2_wait_end",)]


def h2_messages(n):
    """Until so many messages of gRPC have come whole, or the request has ended."""
    return [("h2_messages", n)]


def h2_echo():
    """Every DATA frame comes back; END_STREAM, too."""
    return [("h2_echo",)]


def h2_give(n):
    """Gives window of n bytes, to the stream and the connection."""
    return [("h2_give", n)]


def messages_in(body):
    """How many messages of gRPC there are, whole."""
    n = at = 0
    while len(body) - at >= 5 and len(body) - at - 5 >= int.from_bytes(body[at + 1:at + 5], "big"):
        at += 5 + int.from_bytes(body[at + 1:at + 5], "big")
        n += 1
    return n


def with_stream(data, s):
    """Frames that belong to a stream, and have none, get s."""
    out, buffer = b"", bytearray(data)
    for kind, flags, stream, payload in frames_of(buffer):
        own = stream == 0 and kind in (T_DATA, T_HEADERS, T_CONTINUATION, T_RST, T_PRIORITY, T_PUSH)
        if kind == T_GOAWAY and payload[:4] == SELF.to_bytes(4, "big"):  # this request was taken
            payload = s.to_bytes(4, "big") + payload[4:]
        out += frame(kind, flags, s if own or stream == SELF else stream, payload)
    return out + bytes(buffer)

