"""Traffic while a config changes: servers that say their name, clients of HTTP/1 and HTTP/2 that keep their connection or make
a new one, and what each may be told. A client does what a client must: after "connection: close" or GOAWAY it connects
anew, and what a GOAWAY says was never begun it asks again."""
import contextlib
import pathlib
import re
import socket
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "differential"))
from harness import h2  # noqa: E402
from harness.hpack import Decoder  # noqa: E402
from proxy import until  # noqa: E402

REQUESTS_MAX = 30000  # of each kind of load, whatever happens
STREAMS = 3           # that an HTTP/2 client has at once
PATIENCE = 60         # s, of a client


class Upstream:
    """Answers each request with its name; one for /held, of which it tells `holds`, once the gate is open."""

    def __init__(self, name, holds):
        self.name, self.gate, self.holds = name, threading.Event(), holds
        self.listening = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port = self.listening.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listening.accept()
                threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        answer = f"HTTP/1.1 200 OK\r\ncontent-length: {len(self.name)}\r\n\r\n{self.name}".encode()
        data = b""
        with contextlib.suppress(OSError), connection:
            while True:
                while b"\r\n\r\n" not in data:
                    more = connection.recv(65536)
                    if not more:
                        return
                    data += more
                head, _, data = data.partition(b"\r\n\r\n")
                if head.startswith(b"GET /held "):
                    self.holds.release()
                    self.gate.wait(PATIENCE)
                connection.sendall(answer)

    def close(self):
        self.gate.set()
        self.listening.close()


class Http1:
    """One connection at a time."""

    def __init__(self, connect, keep):
        self.connect, self.keep, self.socket, self.connections = connect, keep, None, 0

    def ask(self, path="/"):
        """[(body, the server's name)]"""
        if self.socket is None:
            self.socket = self.connect("http/1.1")
            self.connections += 1
        self.socket.sendall(f"GET {path} HTTP/1.1\r\nhost: h\r\n\r\n".encode())
        data = b""
        while b"\r\n\r\n" not in data:
            data += self.receive()
        head, _, body = data.partition(b"\r\n\r\n")
        head = head.decode().lower()
        size = int(re.search(r"content-length: (\d+)", head)[1])
        while len(body) < size:
            body += self.receive()
        if " 200 " not in head.split("\r\n")[0]:
            raise RuntimeError(f"{head.splitlines()[0]} {body.decode()}")
        if not self.keep or "connection: close" in head:
            self.close()
        return [(body.decode(), re.search(r"(?m)^server: (.*?)\r?$", head)[1])]

    def receive(self):
        data = self.socket.recv(65536)
        if not data:
            raise RuntimeError("the proxy closed the connection")
        return data

    def close(self):
        if self.socket is not None:
            self.socket.close()
        self.socket = None


class Http2:
    """One connection at a time, some streams at once."""

    def __init__(self, connect, keep):
        self.connect, self.keep, self.socket, self.connections = connect, keep, None, 0

    def open(self):
        self.socket = self.connect("h2")
        self.connections += 1
        self.buffer, self.decoder, self.next, self.last = bytearray(), Decoder(), 1, None
        self.socket.sendall(h2.PREFACE + h2.SETTINGS({}) + h2.WINDOW(0, 1 << 28))

    def ask(self, path="/", streams=STREAMS):
        answers = []
        while len(answers) < streams:
            answers += self.ask_some(path, streams - len(answers))
        return answers

    def ask_some(self, path, streams):
        """Of that many; fewer when the connection takes no more."""
        if self.socket is None:
            self.open()
        self.parts = {s: [None, b"", False] for s in range(self.next, self.next + 2 * streams, 2)}  # fields, body, over
        self.next += 2 * streams
        self.socket.sendall(b"".join(h2.HEADERS(s, h2.pseudo(path)) for s in self.parts))
        while not all(over or self.last is not None and s > self.last for s, (_, _, over) in self.parts.items()):
            data = self.socket.recv(65536)
            if not data:
                raise RuntimeError("the proxy closed the connection")
            self.buffer += data
            for frame in h2.frames_of(self.buffer):
                self.on_frame(*frame)
        done = [(fields, body) for fields, body, over in self.parts.values() if over]
        if not self.keep or self.last is not None:
            self.close()
        for fields, body in done:
            if fields.get(":status") != "200":
                raise RuntimeError(f"{fields} {body}")
        return [(body.decode(), fields["server"]) for fields, body in done]

    def on_frame(self, kind, flags, s, payload):
        if kind == h2.T_GOAWAY:
            self.last = int.from_bytes(payload[:4], "big")
            if not h2.goaway_of(payload).endswith("NO_ERROR"):
                raise RuntimeError(f"GOAWAY {h2.goaway_of(payload)}")
        elif kind == h2.T_SETTINGS and not flags & h2.ACK:
            self.socket.sendall(h2.SETTINGS(ack=True))
        elif kind == h2.T_PING and not flags & h2.ACK:
            self.socket.sendall(h2.PING(payload, ack=True))
        elif kind == h2.T_RST and s in self.parts:
            raise RuntimeError(f"RST_STREAM {h2.code_name(int.from_bytes(payload, 'big'))}")
        elif kind == h2.T_HEADERS:
            fields = dict(map(tuple, self.decoder.decode(h2.unpadded(kind, flags, payload))))
            if s in self.parts:
                self.parts[s][0] = fields
        elif kind == h2.T_DATA and s in self.parts:
            self.parts[s][1] += h2.unpadded(kind, flags, payload)
            self.socket.sendall(h2.WINDOW(s, len(payload)) if payload else b"")
        if kind in (h2.T_HEADERS, h2.T_DATA) and flags & h2.END_STREAM and s in self.parts:
            self.parts[s][2] = True

    close = Http1.close


class Load:
    """Threads that ask for as long as it goes on, each a request after the other. Fails: what is no 200, what closes a
    connection without having said so, and an answer that is not one of those that are allowed."""

    def __init__(self, allowed, clients):
        """`clients`: of each name a client."""
        self.allowed, self.failures, self.going, self.turn = set(allowed), [], True, 0
        self.clients, self.turns, self.counts, self.last = clients, dict.fromkeys(clients, -1), dict.fromkeys(clients, 0), {}
        self.threads = [threading.Thread(target=self.run, args=c, daemon=True) for c in clients.items()]
        for t in self.threads:
            t.start()

    def run(self, name, client):
        while self.going and self.counts[name] < REQUESTS_MAX:
            turn, before = self.turn, frozenset(self.allowed)
            try:
                answers = client.ask()
                wrong = [a for a in answers if a not in before and a not in self.allowed]
                if wrong:
                    self.failures.append(f"{name}: {wrong} instead of one of {sorted(self.allowed)}")
                self.last[name] = answers
            except (OSError, RuntimeError) as problem:
                self.failures.append(f"{name}: {problem}")
                client.close()
            self.counts[name] += 1
            self.turns[name] = turn

    def settle(self):
        """Until every thread has begun and ended a request since now: nothing is under way with what was before."""
        self.turn += 1
        until("every load goes on", lambda: self.failures or all(t >= self.turn for t in self.turns.values()), PATIENCE)
        assert not self.failures, f"{len(self.failures)} of {sum(self.counts.values())}: {self.failures[:3]}"

    def change(self, do, taken, to):
        """`do` changes the config, `taken` tells whether the proxy has it, `to` are the answers from then on."""
        self.allowed |= set(to)
        do()
        until("the change is taken", lambda: self.failures or taken(), PATIENCE)
        until("every load sees the change", lambda: self.failures or all(set(a) <= set(to) for a in self.last.values()), PATIENCE)
        self.settle()
        self.allowed = set(to)
        self.settle()

    def stop(self):
        self.going = False
        for t in self.threads:
            t.join(PATIENCE)


class Held:
    """Requests under way while something changes, one of each client; over() lets them end and sees how."""

    def __init__(self, upstreams, holds, clients):
        self.upstreams, self.clients, self.answers = upstreams, clients, {}
        for u in upstreams:
            u.gate.clear()
        self.threads = [threading.Thread(target=self.run, args=(c,), daemon=True) for c in clients]
        for t in self.threads:
            t.start()
        for _ in range(sum(STREAMS if isinstance(c, Http2) else 1 for c in clients)):
            assert holds.acquire(timeout=PATIENCE), f"a request that is to be held does not come: {self.answers}"

    def run(self, client):
        try:
            self.answers[client] = {body for body, _ in client.ask("/held")}
        except (OSError, RuntimeError) as problem:
            self.answers[client] = problem
            client.close()

    def over(self):
        for u in self.upstreams:
            u.gate.set()
        for t in self.threads:
            t.join(PATIENCE)
        for c in self.clients:
            answer = self.answers.get(c)
            assert isinstance(answer, set) and answer <= {u.name for u in self.upstreams}, f"{type(c).__name__} under way: {answer}"
