"""A scripted HTTP/2 upstream: prior knowledge, one task per request."""
import asyncio

from . import h2
from .h2_peer import Peer
from .upstream import Closed, abort, some


class H2Serving(Peer):
    """One connection of the proxy to the upstream `up`."""

    def __init__(self, up, script, number, reader, writer):
        super().__init__(writer, {"windows": script.windows, "answers": script.answers})
        self.up, self.script, self.number, self.reader = up, script, number, reader
        self.tasks, self.records, self.started = set(), {}, set()
        self.stop = None

    async def run(self):
        data = b""
        while len(data) < len(h2.PREFACE) and h2.PREFACE.startswith(data):
            data += await some(self.reader)
        if not data.startswith(h2.PREFACE):
            self.up.requests.append({"line": "no preface", "headers": [], "body": data})
            return
        self.send(h2.SETTINGS(self.script.settings) + self.script.first)
        self.stop = asyncio.get_running_loop().create_future()
        reading = asyncio.create_task(self.read_on(data[len(h2.PREFACE):]))
        try:
            done, _ = await asyncio.wait({reading, self.stop}, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                if task is reading:
                    task.result()
        finally:
            for task in [reading, *self.tasks]:
                task.cancel()

    async def read_on(self, data):
        while True:
            self.take(data)
            for s in list(self.streams):
                self.look(s)
            data = await some(self.reader)

    def look(self, s):
        """Starts a request's script once its head, or all of it, is there."""
        x = self.streams[s]
        if not x.heads:
            return
        r = self.records.get(s)
        if r is None:
            head = dict(map(tuple, x.heads[0]))
            fields = sorted(x.heads[0], key=lambda f: (0, f[0]) if f[0].startswith(":") else (1, ""))  # pseudo-headers have no order
            r = self.records[s] = {"line": f"{head.get(':method')} {head.get(':path')} HTTP/2", "headers": fields, "body": b""}
            if "on" in self.script.show:
                r["on"] = self.number
            self.up.requests.append(r)
            r["ops"] = self.up.choose(head.get(":path", "").partition("?")[0])
        r["body"] = bytes(x.body) if len(x.body) < 1 << 16 else r["body"]
        if x.trailers is not None:
            r["trailers"] = [f"{k}: {v}" for k, v in x.trailers]
        ended = ", ".join(x.end)
        if "RST" in ended and "RST" not in r.get("end", ""):
            self.up.resets.append(ended)
        r["end"] = ended or "open"
        if ended == "END_STREAM":
            del r["end"]
        ops = r.get("ops")
        early = ops and ops[0] == ("early",)
        if ops is not None and s not in self.started and (early or x.over):
            self.started.add(s)
            del r["ops"]
            task = asyncio.create_task(self.operate(s, ops[1:] if early else ops))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)

    def on_frame(self, kind, flags, s, payload):
        super().on_frame(kind, flags, s, payload)
        if kind == h2.T_GOAWAY:
            self.up.goaways.append(self.goaways[-1])
        elif kind == h2.T_PING and not flags & h2.ACK:
            self.up.pings.append(1)

    async def operate(self, s, ops):
        x = self.streams[s]
        for op in ops:
            what = op[0]
            if what == "h2_frames":
                self.send(h2.with_stream(self.up.run.fill_bytes(op[1]), s))
                try:
                    await self.writer.drain()
                except ConnectionError:  # the end is seen where the connection is read
                    return
            elif what == "h2_bytes":
                self.send(op[1])
            elif what == "wait":
                await asyncio.sleep(op[1])
            elif what == "until":
                await self.up.run.event(op[1]).wait()
            elif what == "h2_wait_end":
                await self.until(lambda: x.over)
            elif what == "h2_messages":
                await self.until(lambda: x.over or h2.messages_in(x.body) >= op[1])
            elif what == "h2_body":
                await self.send_body(s, op[1])
            elif what == "h2_echo":
                await self.echo(s)
            elif what == "h2_give":
                self.send(h2.WINDOW(0, op[1]) + h2.WINDOW(s, op[1]))
            elif what in ("rst", "fin"):
                await self.writer.drain()
                self.up.ends.append("own " + what.upper())
                abort(self.writer) if what == "rst" else self.writer.close()
                self.stop.done() or self.stop.set_result(None)
                return
            elif what == "hold":
                return
            else:
                raise ValueError(f"an HTTP/2 upstream can't {what}")

    async def until(self, done):
        while not done():
            await self.seen.wait()

    async def echo(self, s):
        x, at = self.streams[s], 0
        while True:
            part = bytes(x.body[at:])
            at += len(part)
            if part:
                self.send(h2.DATA(s, part))
            if x.over:
                self.send(h2.DATA(s, b"", True))
                return
            if at == len(x.body):
                await self.seen.wait()


async def serve(up, reader, writer):
    c = H2Serving(up, up.script, up.connections, reader, writer)
    up.serving.append(c)
    try:
        await c.run()
    except Closed as e:
        up.ends.append(e.how)
