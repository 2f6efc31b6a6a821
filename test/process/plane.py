"""A control plane that gives what it was given: xDS over gRPC on the harness' HTTP/2, state of the world and delta, aggregated
and of one type, at a port or a path. It knows of protobuf what the wire tells: resources stay the bytes that they are."""
import contextlib
import pathlib
import socket
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "differential"))
from harness import h2  # noqa: E402
from harness.h2_peer import Peer  # noqa: E402

BYTES = 2  # the wire type of text, bytes and messages


def varint(n):
    out = bytearray()
    while n >= 128:
        out.append(n % 128 + 128)
        n //= 128
    return bytes(out) + bytes([n])


def encode(*fields):
    """(number, bytes or text or whole number), in this order."""
    out = b""
    for number, value in fields:
        if isinstance(value, int):
            out += varint(number << 3) + varint(value)
        else:
            value = value.encode() if isinstance(value, str) else value
            out += varint(number << 3 | BYTES) + varint(len(value)) + value
    return out


def decode(data):
    """All fields: (number, bytes or whole number)."""
    out, at = [], 0

    def read():
        nonlocal at
        n = shift = 0
        while True:
            byte = data[at]
            at += 1
            n |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return n
    while at < len(data):
        tag = read()
        if tag & 7 == 0:
            out.append((tag >> 3, read()))
            continue
        size = {1: 8, 5: 4}.get(tag & 7) or read()
        out.append((tag >> 3, data[at:at + size]))
        at += size
    return out


def texts(fields, number):
    return [v.decode() for n, v in fields if n == number]


def text(fields, number):
    return (texts(fields, number) or [""])[-1]


class Resource:
    def __init__(self, name, type_url, body):
        self.type_url, self.body = type_url, body
        self.name = name or text(decode(body), 1)  # every kind of resource begins with its name

    def any(self):
        return encode((1, self.type_url), (2, self.body))


class Request:
    """What a proxy says: of either variant."""

    def __init__(self, delta, fields):
        self.delta = delta
        self.type_url, self.nonce = text(fields, 2 if delta else 4), text(fields, 6 if delta else 5)
        self.version = "" if delta else text(fields, 1)
        self.names, self.unwanted = texts(fields, 3), texts(fields, 4) if delta else []
        self.node = next((v for n, v in fields if n == (1 if delta else 2)), None)
        error = next((v for n, v in fields if n == (7 if delta else 6)), None)
        self.error = None if error is None else text(decode(error), 2)


class Stream:
    """One call: what it asks is answered once, and again for names that are new."""

    def __init__(self, plane, path):
        self.plane, self.delta = plane, path.rpartition("/")[2].startswith("Delta")
        self.unread, self.unsent, self.names = bytearray(), bytearray(), {}

    def take(self, data):
        self.unread += data
        while len(self.unread) >= 5 and len(self.unread) >= (end := 5 + int.from_bytes(self.unread[1:5], "big")):
            self.answer(Request(self.delta, decode(bytes(self.unread[5:end]))))
            del self.unread[:end]

    def answer(self, q):
        self.plane.on_request(q)
        before, wanted = self.names.get(q.type_url), set(q.names)
        self.names[q.type_url] = (before or set()) - set(q.unwanted) | wanted if self.delta else wanted
        new = before is None or (bool(wanted) if self.delta else not wanted <= before)
        there = self.plane.resources.get(q.type_url)
        if new and there is not None:
            self.push(q.type_url, [r for r in there if not wanted or r.name in wanted], always=not wanted)

    def push(self, type_url, given, always=False):
        if not given and not always:
            return
        nonce = self.plane.on_push(type_url, given)
        wrapped = [encode((3, r.name), (2, r.any())) if self.delta else r.any() for r in given]
        body = encode((1, "v1"), *((2, r) for r in wrapped), (4, type_url), (5, nonce))
        self.unsent += b"\0" + len(body).to_bytes(4, "big") + body

    def change(self, type_url, changed):
        """To whoever asked: delta, what changed; state of the world, all."""
        names = self.names.get(type_url)
        if names is not None:
            of = changed if self.delta else self.plane.resources[type_url]
            self.push(type_url, [r for r in of if not names or r.name in names])


class Connection(Peer):
    def __init__(self, plane, client):
        super().__init__(self, {})
        self.plane, self.client, self.calls = plane, client, {}

    def write(self, data):
        self.client.sendall(data)

    def run(self):
        with self.client, contextlib.suppress(OSError):
            data = b""
            while len(data) < len(h2.PREFACE):
                data += self.client.recv(65536)
            self.send(h2.SETTINGS({"INITIAL_WINDOW_SIZE": 1 << 20}))
            data = data[len(h2.PREFACE):]
            while True:
                with self.plane.changed:
                    self.take(data)
                    self.pump()
                data = self.client.recv(65536)
                if not data:
                    return

    def on_head(self, s, fields, end):
        super().on_head(s, fields, end)
        self.calls[s] = Stream(self.plane, dict(map(tuple, fields))[":path"])
        self.send(h2.HEADERS(s, h2.block((":status", "200"), ("content-type", "application/grpc")), end=False))

    def on_data(self, s, data, size, end):
        super().on_data(s, data, size, end)
        self.calls[s].take(data)

    def pump(self):
        for s, call in self.calls.items():
            while call.unsent and (n := self.take_room(s, len(call.unsent))):
                self.send(h2.DATA(s, bytes(call.unsent[:n])))
                del call.unsent[:n]


class Plane:
    """resources: by type URL. A type that is not there is not answered, as control planes do it."""

    def __init__(self, resources, path=None):
        self.resources, self.requests, self.given, self.pushes, self.unanswered = resources, [], set(), 0, set()
        self.connections, self.changed = [], threading.Condition()
        if path is None:
            self.listener = socket.create_server(("127.0.0.1", 0))
            self.port = self.listener.getsockname()[1]
        else:
            self.listener = socket.create_server(str(path), family=socket.AF_UNIX)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                c = Connection(self, client)
                with self.changed:
                    self.connections.append(c)
                threading.Thread(target=c.run, daemon=True).start()

    def change(self, changed):
        """By type; those that are there take the place of others."""
        with self.changed:
            for type_url, fresh in changed.items():
                by_name = {r.name: r for r in [*self.resources.get(type_url, []), *fresh]}
                self.resources[type_url] = list(by_name.values())
                for c in self.connections:
                    for call in c.calls.values():
                        call.change(type_url, fresh)
            for c in self.connections:
                c.pump()

    def on_request(self, q):
        self.requests.append(q)
        self.unanswered.discard(q.nonce)
        self.changed.notify_all()

    def on_push(self, type_url, given):
        self.pushes += 1
        nonce = f"n{self.pushes}"
        self.unanswered.add(nonce)
        self.given.add(type_url)
        self.given.update((type_url, r.name) for r in given)
        return nonce

    def wait_until_all_is_answered(self, type_urls, seconds=60):
        wanted = {x for t in type_urls if t in self.resources for x in (t, *((t, r.name) for r in self.resources[t]))}
        with self.changed:
            done = self.changed.wait_for(lambda: not self.unanswered and wanted <= self.given, seconds)
        assert done, f"not within {seconds} s: asked for {wanted - self.given}, answered {self.unanswered}"

    def errors(self, type_url):
        return [q.error for q in self.requests if q.type_url == type_url and q.error is not None]

    def close(self):
        self.listener.close()
