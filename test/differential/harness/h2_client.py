"""The client's HTTP/2 steps: frames as the scenario says, answers kept by stream."""
import asyncio
import contextlib

from . import h2
from .h2_peer import Peer
from .packing import shown
from .upstream import Closed, some

MANY = 12  # streams; of more only how often each ending came


class H2Connection:
    """Looks like a Connection for what comes at the end."""

    def __init__(self, c, options):
        self.reader, self.writer, self.limit = c.reader, c.writer, c.limit
        self.o = options
        self.peer = Peer(c.writer, options)
        self.end, self.closed, self.said_close, self.buffer = None, False, False, b""
        self.may_read = asyncio.Event()
        self.set("reading", options.get("reading", True))
        self.task = asyncio.create_task(self.run())
        self.over = asyncio.Event()
        self.uploads = set()

    def set(self, key, value):
        self.o[key] = value
        if key == "reading":
            self.may_read.set() if value else self.may_read.clear()

    async def run(self):
        try:
            while True:
                await self.may_read.wait()
                self.peer.take(await some(self.reader))
        except Closed as e:
            self.end = e.how
        except Exception as e:
            self.end = f"unreadable: {type(e).__name__} {e}"
        finally:
            self.over.set()
            self.peer.seen.set()

    async def wait_for(self, done, limit):
        """False: time is up, or the connection has ended before."""
        loop = asyncio.get_running_loop()
        until = loop.time() + limit
        while not done():
            if self.end or loop.time() >= until:
                return False
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self.peer.seen.wait(), until - loop.time())
        return True

    async def more(self, limit=None):
        """As Connection.more(), for the end."""
        from .client import Timeout
        try:
            await asyncio.wait_for(self.over.wait(), limit or self.limit)
        except asyncio.TimeoutError:
            raise Timeout from None
        return False

    def outcome(self, show):
        p, out = self.peer, {}
        streams = {s: self.stream_outcome(x, show) for s, x in sorted(p.streams.items()) if x.heads or x.end or x.body}
        if len(streams) > MANY:
            counts = {}
            for x in streams.values():
                status = [f.split(": ", 1)[1] for f in x.get("head", ()) if f.startswith(":status")]
                key = " ".join(status + [x.get("end", "open")])
                counts[key] = counts.get(key, 0) + 1
            out["streams"] = dict(sorted(counts.items()))
        elif streams:
            out["streams"] = {str(s): x for s, x in streams.items()}
        if p.goaways:
            out["goaway"] = p.goaways
        for what in self.o.get("shown", ()):
            out[what] = {"window": [n for s, n in p.windows[:1]], "windows": [f"{s}: {n}" for s, n in p.windows]}.get(what) or getattr(p, what)
        return out

    @staticmethod
    def stream_outcome(x, show):
        out = {}
        if x.heads:
            *before, head = x.heads
            if before:
                out["before"] = [[f"{k}: {v}" for k, v in h] for h in before]
            out["head"] = [f"{k}: {'<ms>' if k == 'x-envoy-upstream-service-time' and v.isdigit() else v}" for k, v in head]
        if x.body:
            coding = dict(map(tuple, x.heads[-1])).get("content-encoding") if x.heads else None
            out.update(shown(bytes(x.body), coding, show, "data"))
        if x.trailers is not None:
            out["trailers"] = [f"{k}: {v}" for k, v in x.trailers]
        out["end"] = ", ".join(x.end) or "open"
        return out


class H2Steps:
    """The steps; a part of Client."""

    async def do_h2_open(self, name, port, data, options, wait):
        from .client import Connection
        c = await self.connection(name, port)
        if not isinstance(c, Connection):
            return
        c.writer.write(self.run.fill_bytes(data))
        c = self.connections[name] = self.h2[name] = H2Connection(c, dict(options))
        if wait:
            await c.wait_for(lambda: c.peer.settings is not None and c.peer.settings_acked, c.limit)

    async def do_h2_send(self, name, data):
        c = self.connections[name]
        c.writer.write(self.run.fill_bytes(data))
        with contextlib.suppress(ConnectionError, asyncio.TimeoutError):
            await asyncio.wait_for(c.writer.drain(), c.limit)

    async def do_h2_done(self, name, streams):
        c = self.connections[name]
        if not await c.wait_for(lambda: all(c.peer.stream(s).over for s in streams), c.limit) and not c.end:
            self.steps.append({"h2": name, "never over": [s for s in streams if not c.peer.stream(s).over]})

    async def do_h2_until(self, name, what, s, n):
        c = self.connections[name]
        have = {"head": lambda: c.peer.stream(s).got_head, "data": lambda: c.peer.stream(s).size, "goaways": lambda: len(c.peer.goaways)}
        have = have.get(what, lambda: getattr(c.peer, what))
        if not await c.wait_for(lambda: have() >= n, c.limit) and not c.end:
            self.steps.append({"h2": name, "never": f"{n} {what}"})

    async def do_h2_ended(self, name):
        c = self.connections[name]
        await c.wait_for(lambda: False, c.limit)
        if not c.end:
            self.steps.append({"h2": name, "never": "ended"})

    async def do_h2_set(self, name, key, value):
        self.connections[name].set(key, value)

    async def do_h2_upload(self, name, s, n):
        c = self.connections[name]
        c.peer.stream(s)
        c.uploads.add(asyncio.create_task(c.peer.send_body(s, n)))

    async def do_up_windows(self, up, on):
        for c in self.run.upstreams[up].serving:
            c.o["windows"] = on
            c.pay()

    async def do_up_count(self, up, what, n):
        u = self.run.upstreams[up]
        if not await self.run.poll(lambda: len(getattr(u, what)) >= n):
            self.steps.append({"upstream": up, "never": f"{n} {what}"})

    async def do_grows_below(self, mib, steps):
        before = self.run.proxy.memory()
        most = [before]

        async def watch():
            while True:
                most[0] = max(most[0], self.run.proxy.memory())
                await asyncio.sleep(0.01)

        watcher = asyncio.create_task(watch())
        try:
            await self.do(steps)
        finally:
            watcher.cancel()
        grown = (max(most[0], self.run.proxy.memory()) - before) / (1 << 20)
        within = grown < mib * self.run.proxy.slow  # sanitizers take memory as well as time
        self.steps.append({"grew": f"below {mib} MiB" if within else f"{grown:.1f} MiB"})

    def h2_outcome(self, show):
        return {name: c.outcome(show) for name, c in self.h2.items()}

    async def settle_h2(self, expected, matches):
        """What is still to come has come; expected: the recorded outcome, if any."""
        if not self.h2:
            return
        if expected is None:
            await asyncio.sleep(0.3)
        else:
            await self.run.poll(lambda: matches(), 3)
