"""One end of an HTTP/2 connection as both client and upstream see it: frames in, per-stream records."""
import asyncio

from . import h2
from .hpack import Decoder


class Stream:
    def __init__(self):
        self.heads, self.body, self.trailers, self.end, self.got_head = [], bytearray(), None, [], False
        self.size = self.owed = 0
        self.window = None
        self.changed = asyncio.Event()

    @property
    def over(self):
        return bool(self.end)


class Peer:
    def __init__(self, writer, options):
        self.writer, self.o = writer, options
        self.buffer, self.decoder = bytearray(), Decoder()
        self.streams, self.settings, self.goaways, self.pings, self.ping_acks = {}, None, [], 0, 0
        self.settings_acked, self.windows = 0, []
        self.window, self.initial = 65535, 65535  # ours for sending
        self.partial = b""
        self.frames = 0
        self.seen = asyncio.Event()  # set, and renewed, whenever something came

    def stream(self, s):
        return self.streams.setdefault(s, Stream())

    def send(self, data):
        try:
            self.writer.write(data)
        except (ConnectionError, RuntimeError):
            pass

    def take(self, data):
        self.buffer += data
        for kind, flags, s, payload in h2.frames_of(self.buffer):
            self.frames += 1
            self.on_frame(kind, flags, s, payload)
        event, self.seen = self.seen, asyncio.Event()
        event.set()

    def on_frame(self, kind, flags, s, payload):
        if kind == h2.T_SETTINGS:
            self.on_settings(flags, payload)
        elif kind == h2.T_PING:
            self.on_ping(flags, payload)
        elif kind == h2.T_GOAWAY:
            self.goaways.append(h2.goaway_of(payload))
        elif kind == h2.T_WINDOW:
            n = int.from_bytes(payload, "big")
            self.windows.append((s, n))
            if s == 0:
                self.window += n
            else:
                self.stream(s).window = self.room(s) + n
        elif kind in (h2.T_HEADERS, h2.T_CONTINUATION):
            if kind == h2.T_HEADERS:
                self.partial, self.partial_end = b"", flags & h2.END_STREAM
            self.partial += h2.unpadded(kind, flags, payload)
            if flags & h2.END_HEADERS:
                self.on_head(s, [list(f) for f in self.decoder.decode(self.partial)], self.partial_end)
        elif kind == h2.T_DATA:
            self.on_data(s, h2.unpadded(kind, flags, payload), len(payload), flags & h2.END_STREAM)
        elif kind == h2.T_RST:
            self.on_end(s, "RST_STREAM " + h2.code_name(int.from_bytes(payload, "big")))

    def on_settings(self, flags, payload):
        if flags & h2.ACK:
            self.settings_acked += 1
            return
        values = h2.settings_of(payload)
        self.settings = {**(self.settings or {}), **values}
        if "INITIAL_WINDOW_SIZE" in values:
            more = values["INITIAL_WINDOW_SIZE"] - self.initial
            self.initial += more
            for x in self.streams.values():
                if x.window is not None:
                    x.window += more
        if self.o.get("ack", True):
            self.send(h2.SETTINGS(ack=True))

    def on_ping(self, flags, payload):
        if flags & h2.ACK:
            self.ping_acks += 1
            return
        self.pings += 1
        if self.o.get("answers", True):
            self.send(h2.PING(payload, ack=True))

    def on_head(self, s, fields, end):
        x = self.stream(s)
        if x.got_head:
            x.trailers = fields
        else:
            x.heads.append(fields)
            status = dict(map(tuple, fields)).get(":status", "200")
            x.got_head = not status.startswith("1") or end
        if end:
            self.on_end(s, "END_STREAM")

    def on_data(self, s, data, size, end):
        x = self.stream(s)
        x.size += len(data)
        x.body += data
        x.owed += size
        if end:
            self.on_end(s, "END_STREAM")
        if size and self.o.get("windows", True):
            self.pay()

    def pay(self):
        """Gives back the windows of what was read."""
        for s, x in self.streams.items():
            if x.owed:
                self.send(h2.WINDOW(0, x.owed) + (b"" if x.end else h2.WINDOW(s, x.owed)))
                x.owed = 0

    def on_end(self, s, how):
        self.stream(s).end.append(how)

    def room(self, s):
        x = self.stream(s)
        if x.window is None:
            x.window = self.initial
        return x.window

    def take_room(self, s, n):
        """Bytes that may be sent now, at most n; they count as sent."""
        n = max(0, min(n, self.room(s), self.window, 16384))
        self.window -= n
        self.streams[s].window -= n
        return n

    async def send_body(self, s, n):
        while n > 0:
            room = self.take_room(s, n)
            if room == 0:
                await self.seen.wait()
                continue
            n -= room
            self.send(h2.DATA(s, b"b" * room, n == 0))
            await self.writer.drain()
