"""Scripted upstreams: an HTTP/1.1 server that records what it got, a TCP server, dead ports."""
import asyncio
import contextlib
import socket
import struct

from . import dsl, h2, tls
from .ports import held_port


class Closed(Exception):
    def __init__(self, how):
        super().__init__(how)
        self.how = how


async def some(reader):
    """The next bytes; raises Closed at the end."""
    try:
        data = await reader.read(65536)
    except ConnectionError as e:
        raise Closed("RST") from e
    except tls.Ended as e:
        raise Closed(str(e)) from e
    if not data:
        raise Closed("FIN")
    return data


def abort(writer):
    """Close with a RST."""
    sock = writer.get_extra_info("socket")
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    except OSError:
        pass
    writer.transport.abort()


class Upstream:
    """One upstream of a scenario, on a port of its own."""

    def __init__(self, name, script, run):
        self.addresses = ()
        if isinstance(script, dsl.On):
            self.addresses, script = script.addresses, script.script
        self.tls = self.tls_context = None
        if isinstance(script, dsl.Tls):
            script, self.tls = script.script, script.options
        self.handshakes = []
        self.name, self.script, self.run = name, script, run
        self.requests, self.streams, self.ends = [], [], []
        self.resets, self.pings, self.goaways, self.serving = [], [], [], []  # HTTP/2
        self.count = {}
        self.tasks = set()
        self.connections = 0
        self.servers = []
        self.fillers = []
        self.sock = held_port()
        self.port = self.sock.getsockname()[1]
        if script == dsl.BLACKHOLE:
            self.fill()

    def fill(self):
        """A full backlog: the kernel drops further SYNs."""
        self.sock.listen(0)
        for _ in range(4):
            s = socket.socket()
            s.setblocking(False)
            s.connect_ex(("127.0.0.1", self.port))
            self.fillers.append(s)

    async def start(self):
        if self.script in (dsl.REFUSE, dsl.BLACKHOLE):
            return
        self.servers.append(await asyncio.start_server(self.serve, sock=self.sock, limit=1 << 20))
        for address in self.addresses:
            self.servers.append(await asyncio.start_server(self.serve, address, self.port, limit=1 << 20))

    async def stop(self):
        for server in self.servers:
            server.close()
        for s in self.fillers + [self.sock]:
            s.close()
        for task in list(self.tasks):
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    async def serve(self, reader, writer):
        task = asyncio.current_task()
        self.tasks.add(task)
        self.connections += 1
        try:
            if self.tls is not None:
                reader = writer = await self.accept_tls(reader, writer)
            if isinstance(self.script, dsl.Tcp):
                await self.serve_tcp(reader, writer)
            elif isinstance(self.script, h2.H2):
                await h2_upstream.serve(self, reader, writer)
            else:
                await self.serve_http(Reader(reader), writer)
        except Closed as e:
            self.ends.append(e.how)
        except tls.Failed as e:
            self.handshakes.append(f"failed: {e}")
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self.tasks.discard(task)
            writer.transport.abort() if writer.is_closing() else writer.close()

    async def accept_tls(self, reader, writer):
        if self.tls_context is None:
            self.tls_context = tls.server_context(self.run.authority, self.tls)
        stream = await tls.serve(reader, writer, self.tls_context, self.tls)
        self.handshakes.append(stream.facts(self.run.authority))
        return stream

    async def serve_tcp(self, reader, writer):
        stream = {"got": b""}
        self.streams.append(stream)
        buffered = Reader(reader, stream)
        for op in self.script.ops:
            if not await self.operate(op, buffered, writer):
                return
        while True:
            await buffered.more()

    async def serve_http(self, reader, writer):
        while True:
            head = await reader.until(b"\r\n\r\n")
            lines = head.decode("latin-1").split("\r\n")[:-2]
            headers = [[k, v.strip()] for k, _, v in (line.partition(":") for line in lines[1:])]
            record = {"line": lines[0], "headers": headers, "body": b""}
            self.requests.append(record)
            path = lines[0].split(" ")[1].partition("?")[0] if " " in lines[0] else ""
            ops = self.choose(path)
            if ops and ops[0] == ("early",):
                ops = ops[1:]
            else:
                await self.body(reader, record, headers)
            for op in ops:
                if not await self.operate(op, reader, writer, record):
                    return

    def choose(self, path):
        scripts = self.script.scripts if isinstance(self.script, h2.H2) else self.script
        key = "*"
        if isinstance(scripts, dict):
            key = path if path in scripts else "*"
            scripts = scripts[key]
        n = self.count.get(key, 0)
        self.count[key] = n + 1
        if scripts and not isinstance(scripts[0], list):
            return scripts
        return scripts[min(n, len(scripts) - 1)]

    async def body(self, reader, record, headers):
        lower = {k.lower(): v for k, v in headers}
        if "chunked" in lower.get("transfer-encoding", ""):
            while True:
                size = int((await reader.until(b"\r\n")).split(b";")[0], 16)
                if size == 0:
                    break
                record["body"] += await reader.exactly(size)
                await reader.until(b"\r\n")
            trailers = []
            while (line := await reader.until(b"\r\n")) != b"\r\n":
                trailers.append(line.decode("latin-1").strip())
            if trailers:
                record["trailers"] = trailers
        elif "content-length" in lower:
            record["body"] += await reader.exactly(int(lower["content-length"]))

    async def operate(self, op, reader, writer, record=None):
        """One operation; false when the connection is done with."""
        what = op[0]
        if what == "send":
            writer.write(self.run.fill_bytes(op[1]))
            await writer.drain()
        elif what == "wait":
            await asyncio.sleep(op[1])
        elif what == "tell":
            address = writer.get_extra_info(op[1])[0].encode()
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(address), address))
            await writer.drain()
        elif what == "until":
            await self.run.event(op[1]).wait()
        elif what == "rst":
            abort(writer)
            return False
        elif what == "fin":
            await writer.drain()
            writer.close()
            return False
        elif what == "ended":
            try:
                while True:
                    await reader.more()
            except Closed as e:
                if e.how != "FIN":
                    raise
        elif what == "half":
            writer.write_eof()
        elif what == "hold":
            while True:
                await reader.more()
        elif what == "expect":
            data = await reader.until(op[1])
            if record is not None:
                record["raw"] = record.get("raw", "") + data.decode("latin-1")
        elif what == "echo":
            while True:
                try:
                    if not reader.buffer:
                        await reader.more()
                except Closed as e:
                    if e.how == "FIN":
                        with contextlib.suppress(OSError):  # it was reset meanwhile
                            writer.write_eof()
                    raise
                writer.write(reader.take())
                await writer.drain()
        return True


class Reader:
    """Buffered reading; in TCP upstreams every byte is also kept in the stream's record."""

    def __init__(self, reader, stream=None):
        self.reader, self.stream, self.buffer = reader, stream, b""

    async def more(self):
        data = await some(self.reader)
        if self.stream is not None:
            self.stream["got"] += data
        self.buffer += data

    def take(self):
        data, self.buffer = self.buffer, b""
        return data

    async def until(self, mark):
        while mark not in self.buffer:
            await self.more()
        at = self.buffer.index(mark) + len(mark)
        data, self.buffer = self.buffer[:at], self.buffer[at:]
        return data

    async def exactly(self, n):
        while len(self.buffer) < n:
            await self.more()
        data, self.buffer = self.buffer[:n], self.buffer[n:]
        return data


from . import h2_upstream  # noqa: E402 (it needs this module)
