"""The client's side: connections, a response parser that keeps what it sees, the steps."""
import asyncio
import json
import os
import re
import socket

from . import tls
from .h2_client import H2Steps
from .packing import shown, unpack
from .upstream import Closed, abort, some


class Timeout(Exception):
    pass


class Connection:
    def __init__(self, reader, writer, limit):
        self.reader, self.writer, self.limit = reader, writer, limit
        self.buffer, self.end, self.closed = b"", None, False
        self.said_close = False
        self.packed = b""  # of a body that is read in parts

    async def more(self, limit=None):
        """Adds bytes to the buffer; false once the connection has ended."""
        if self.end:
            return False
        try:
            self.buffer += await asyncio.wait_for(some(self.reader), limit or self.limit)
            return True
        except asyncio.TimeoutError:
            raise Timeout from None
        except Closed as e:
            self.end = e.how
            return False

    async def until(self, mark):
        while mark not in self.buffer:
            if not await self.more():
                return None
        at = self.buffer.index(mark) + len(mark)
        data, self.buffer = self.buffer[:at], self.buffer[at:]
        return data

    async def exactly(self, n):
        while len(self.buffer) < n and await self.more():
            pass
        data, self.buffer = self.buffer[:n], self.buffer[n:]
        return data

    async def response(self, head_request=False, head_only=False):
        """One response as a dict; "cut" tells how it ended too early."""
        out = {}
        try:
            await self.parse(out, head_request, head_only)
        except Timeout:
            out["cut"] = "timeout"
            out["rest"] = show(self.buffer)
            self.buffer = b""
        return out

    async def parse(self, out, head_request, head_only):
        head = await self.until(b"\r\n\r\n")
        if head is None:
            out["cut"], out["rest"], self.buffer = self.end, show(self.buffer), b""
            return
        lines = head.decode("latin-1").split("\r\n")[:-2]
        out["status"] = lines[0]
        out["headers"] = [[k, v.strip()] for k, _, v in (x.partition(":") for x in lines[1:])]
        lower = {k.lower(): v.lower() for k, v in out["headers"]}
        code = int(lines[0].split(" ")[1]) if re.match(r"HTTP/1\.\d \d{3}", lines[0]) else 0
        self.said_close = lower.get("connection") == "close"
        if code in (100, 102, 103, 104) and not head_only:
            rest = {}
            await self.parse(rest, head_request, head_only)
            out["then"] = rest
            return
        if head_only or head_request or code in (204, 304, 101) or code < 200:
            return
        body = b""
        if "chunked" in lower.get("transfer-encoding", ""):
            body = await self.chunks(out)
        elif "content-length" in lower:
            n = int(lower["content-length"])
            body = await self.exactly(n)
            if len(body) < n:
                out["cut"] = self.end
        else:
            while await self.more():
                pass
            body, self.buffer = self.buffer, b""
            out["cut"] = self.end
        out.update(shown(body, lower.get("content-encoding"), show, "body"))

    async def chunk(self, out):
        """None: there is no next one; empty: the last one."""
        line = await self.until(b"\r\n")
        if line is None:
            out["cut"], self.buffer = self.end, b""
            return None
        size = int(line.split(b";")[0], 16)
        data = await self.exactly(size) if size else b""
        if size and await self.until(b"\r\n") is None:
            out["cut"] = self.end
        return data

    async def chunks(self, out):
        body = b""
        while data := await self.chunk(out):
            body += data
            if "cut" in out:
                return body
        if data is None:
            return body
        trailers = []
        while (line := await self.until(b"\r\n")) not in (b"\r\n", None):
            trailers.append(line.decode("latin-1").strip())
        if trailers:
            out["trailers"] = trailers
        return body


def show(data):
    text = data.decode("latin-1")
    if len(text) <= 400:
        return text
    kinds = sorted(set(text))
    return f"<{len(text)} bytes of {''.join(kinds[:12])}>"


class Client(H2Steps):
    """Runs the steps of one scenario and keeps what was observed."""

    def __init__(self, run):
        self.run = run
        self.connections, self.h2 = {}, {}
        self.steps = []

    async def connection(self, name, port="port", host="127.0.0.1", source=None, path=None):
        if name not in self.connections:
            number = self.run.proxy.admin_port if port == "admin" else self.run.ports[port] if isinstance(port, str) else port
            try:
                if path:
                    reader, writer = await asyncio.open_unix_connection(self.run.fill(path), limit=1 << 20)
                else:
                    local = (source, 0) if isinstance(source, str) else source and (source[0], self.run.ports[source[1]])
                    reader, writer = await asyncio.open_connection(host, number, limit=1 << 20, local_addr=local)
            except (ConnectionRefusedError, FileNotFoundError):
                self.steps.append({"connect": "refused"})
                return None
            except ConnectionError:
                self.steps.append({"connect": "reset"})
                return None
            if not path:
                writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.connections[name] = Connection(reader, writer, 4 * self.run.slow)
        return self.connections[name]

    async def do(self, steps):
        for step in steps:
            await getattr(self, "do_" + step[0])(*step[1:])

    async def do_new(self, name, port):
        old = self.connections.pop(name, None)
        if old and not old.closed:
            self.connections[f"{name}.{len(self.connections)}"] = old
        await self.connection(name, port)

    async def do_dial(self, name, port, host, source, path):
        await self.connection(name, port, host, source, path)

    async def do_tls(self, name, port, resume, options):
        resume = self.connections[resume].reader if resume else None
        await self.do_new(name, port)
        c = self.connections.get(name)
        if c is None:
            return
        try:
            c.reader = c.writer = await asyncio.wait_for(
                tls.connect(c.reader, c.writer, self.run.authority, options, resume), c.limit)
            self.steps.append({"tls": c.reader.facts(self.run.authority)})
        except tls.Failed as e:
            self.steps.append({"tls": f"failed: {e}"})
            c.writer.close()
            c.end = str(e)
        except asyncio.TimeoutError:
            self.steps.append({"tls": "timeout"})

    async def do_staple(self, version, port, sni, ciphers, ask, session):
        args = ["-connect", f"127.0.0.1:{self.run.ports[port]}", "-tls" + version.replace(".", "_")]
        args += ["-servername", sni] if sni else ["-noservername"]
        args += ["-status"] if ask else []
        args += ["-cipher", ciphers] if ciphers else []
        if session:
            path = os.path.join(self.run.folder, session + ".session")
            args += ["-sess_in" if os.path.exists(path) else "-sess_out", path]
        self.steps.append({"staple": await tls.command(self.run.authority, args, 5 * self.run.slow)})

    async def do_raw_send(self, name, data):
        """Bytes as they are on a connection with TLS."""
        writer = self.connections[name].writer.writer
        writer.write(data)
        await writer.drain()

    async def do_send(self, name, data):
        c = await self.connection(name)
        if c is None:
            return
        try:
            c.writer.write(self.run.fill_bytes(data))
            await asyncio.wait_for(c.writer.drain(), c.limit)
        except (ConnectionError, asyncio.TimeoutError):
            pass

    async def do_read(self, name, head):
        c = await self.connection(name)
        if c:
            self.steps.append(await c.response(head_request=head))

    async def do_read_head(self, name):
        c = await self.connection(name)
        if c:
            self.steps.append(await c.response(head_only=True))

    async def do_read_bytes(self, name, n):
        c = await self.connection(name)
        if not c:
            return
        try:
            self.steps.append({"bytes": show(await c.exactly(n))})
        except Timeout:
            self.steps.append({"bytes": show(c.buffer), "cut": "timeout"})

    async def do_read_unpacked(self, name, coding, n):
        c, out = await self.connection(name), {}
        try:
            while len(unpack(coding, c.packed)[0]) < n and (data := await c.chunk(out)):
                c.packed += data
        except Timeout:
            out["cut"] = "timeout"
        self.steps.append({"unpacked": show(unpack(coding, c.packed)[0]), **out})

    async def do_read_all(self, name):
        c = await self.connection(name)
        answer = None
        while c:
            if not c.buffer:
                stays = answer is not None and not c.said_close
                try:
                    if not await c.more(0.15 * self.run.slow if stays else None):
                        break
                except Timeout:
                    if stays:
                        return
                    self.steps.append({"cut": "timeout"})
                    break
            answer = await c.response()
            self.steps.append(answer)
            if "cut" in answer:
                break
        if c:
            c.said_close = True

    async def do_raw_all(self, name):
        c = await self.connection(name)
        try:
            while c and await c.more():
                pass
        except Timeout:
            self.steps.append({"cut": "timeout"})
        if c:
            self.steps.append({"bytes": show(c.buffer)})
            c.said_close = True

    async def do_half_close(self, name):
        c = await self.connection(name)
        try:
            c.writer.write_eof()
        except (OSError, RuntimeError):
            pass

    async def do_close(self, name):
        c = self.connections.pop(name, None)
        if c:
            c.writer.close()

    async def do_reset(self, name):
        abort(self.connections.pop(name).writer)

    async def do_pause(self, seconds):
        await asyncio.sleep(seconds)

    async def do_signal(self, event):
        self.run.event(event).set()

    async def do_seen(self, up, n):
        u = self.run.upstreams[up]
        await self.run.poll(lambda: len(u.requests) + len(u.streams) >= n)

    async def do_gone(self, up, n):
        u = self.run.upstreams[up]
        await self.run.poll(lambda: len(u.ends) >= n)
        self.steps.append({"gone": up, "ends": sorted(u.ends)})

    async def do_logged(self, n):
        await self.run.poll(lambda: len(self.run.log_lines()) >= n)

    async def do_stat_is(self, name, value):
        name = self.run.fill(name)
        for _ in range(200):
            if (await self.run.proxy.stats()).get(name, "0") == str(value):
                return
            await asyncio.sleep(0.02 * self.run.slow)
        self.steps.append({"stat": name, "never": value})

    async def do_stat_matches(self, name, regex):
        name = self.run.fill(name)
        for _ in range(200):
            if re.search(regex, (await self.run.proxy.stats()).get(name, "")):
                return
            await asyncio.sleep(0.02 * self.run.slow)
        self.steps.append({"stat": name, "never": regex})

    async def do_proxy_signal(self, number):
        self.run.proxy.process.send_signal(number)
        if number in (2, 15):
            code = await asyncio.wait_for(self.run.proxy.process.wait(), 5 * self.run.slow)
            self.steps.append({"exit": code})

    async def do_admin(self, method, path, keep, head, lines, without):
        status, headers, body = await self.run.proxy.admin(method, self.run.fill(path))
        out = {"admin": f"{method} {path}", "status": status}
        if head:  # Envoy says x-content-type-options twice on some error pages
            out["headers"] = [h for i, h in enumerate(headers) if h not in headers[i + 1:]]
        if path.startswith("/clusters") and "format=json" not in path:  # of no order in Envoy
            body = "".join(sorted(body.splitlines(True), key=lambda x: x.split("::")[0]))
        if keep is not None:
            keep = self.run.fill(keep)
            body = "\n".join(x for x in body.splitlines() if re.search(keep, x))
        if lines:
            out["lines"] = body.splitlines()
        elif body[:1] in "{[" and body.strip()[-1:] in "}]":
            try:
                out["json"] = json.loads(body, object_hook=lambda o: {k: v for k, v in o.items() if k not in without})
                if path.startswith("/clusters"):
                    out["json"].get("cluster_statuses", []).sort(key=lambda c: c["name"])
            except ValueError:
                out["body"] = body
        else:
            out["body"] = body
        self.steps.append(out)

    async def do_verdicts(self):
        """Of listeners that came by LDS: which are served, which refused. What is said of those differs."""
        found = {}

        async def settled():
            _, _, body = await self.run.proxy.admin("GET", "/config_dump?resource=dynamic_listeners")
            all_of = [x for x in json.loads(body).get("configs", []) if "name" in x]  # without one: what is said of the whole update
            for x in all_of:
                why = x.get("error_state", {}).get("details", "")
                unknown = re.search("Didn't find a registered implementation|unknown type|known to Envoy", why)
                found[x["name"]] = "refused: unknown" if unknown else "refused" if why else "warming" if "active_state" not in x else "served"
            return all_of and "warming" not in found.values()

        for _ in range(80):
            if await settled():
                break
            await asyncio.sleep(0.05 * self.run.slow)
        self.steps.append({"verdicts": dict(sorted(found.items()))})

    async def do_write(self, path, text):
        self.run.write(self.run.fill(path), text)

    async def do_rename(self, path, to):
        os.rename(self.run.fill(path), self.run.fill(to))

    async def do_printed(self, regex, lines):
        found = []

        def there():
            with open(self.run.proxy.errors, errors="replace") as f:
                found[:] = [x for x in f.read().splitlines() if re.search(regex, x)]
            return len(found) >= lines

        await self.run.poll(there)
        self.steps.append({"printed": found})

    async def do_file_mode(self, path):
        self.steps.append({"mode": oct(os.stat(self.run.fill(path)).st_mode)})

    async def do_file(self, path, lines):
        """The file's text, once it has so many lines."""
        path = self.run.fill(path)
        text = ""

        def there():
            nonlocal text
            with open(path, encoding="latin-1") as f:
                text = f.read()
            return text.count("\n") >= lines

        await self.run.poll(lambda: os.path.exists(path) and there())
        self.steps.append({"file": text})

    async def do_dns(self, name, answer, ttl):
        self.run.dns.records[name] = answer
        if ttl is not None:
            self.run.dns.ttl = ttl

    async def do_dns_asked(self, name):
        asked = self.run.dns.asked
        before = len(asked)
        if not await self.run.poll(lambda: any(n == name for n, _, _ in asked[before:])):
            self.steps.append({"dns": name, "never asked": "again"})

    async def do_dns_log(self, name):
        self.steps.append({"dns": name, "asked": sorted({f"{kind} over {how}" for n, kind, how in self.run.dns.asked if n == name})})

    async def do_burst(self, n, steps, about):
        kept, self.steps = self.steps, []
        for _ in range(n):
            await self.do(steps)
        counts = {}
        for answer in self.steps:
            key = f"{answer.get('status')} {answer.get('body', '')}"
            counts[key] = counts.get(key, 0) + 1
        for said, share in (about or {}).items():
            code, body = said.split(" ", 1)
            key = next((k for k in counts if k.startswith(f"HTTP/1.1 {code} ") and k.endswith(" " + body)), None)
            if key and abs(counts[key] - n * share) <= 5 * (n * share * (1 - share)) ** 0.5:
                counts[key] = f"about {share * 100:.0f} %"
        self.steps = kept + [{"burst": dict(sorted(counts.items()))}]

    async def do_tcp_share(self, n, exact):
        """n connections and what each was sent. Not exact: which answers came, and that none is rarer than a third of a fair share."""
        kept, self.steps = self.steps, []
        for i in range(n):
            await self.do([("raw_all", f"share{i}"), ("close", f"share{i}")])
        counts = {}
        for answer in self.steps:
            counts[answer.get("bytes")] = counts.get(answer.get("bytes"), 0) + 1
        fair = all(c > n / len(counts) / 3 for c in counts.values())
        self.steps = kept + [{"answers": {str(a): c if exact else "many" for a, c in counts.items()}, "fair": fair}]
        for u in self.run.upstreams.values():
            u.streams.clear()

    async def ends(self, expected):
        """How each connection ended, or that it is open; expected: the recorded answer, if any."""
        async def end_of(name, c):
            hint, out = (expected or {}).get(name), {}
            if hint == "open" or hint is None and not c.said_close:
                limit = 0.05 if hint else 0.15
            else:
                limit = 3 * self.run.slow
            extra = c.buffer
            try:
                while await c.more(limit):
                    pass
            except Timeout:
                pass
            out[name] = c.end or "open"
            if c.buffer or extra:
                out[name + ".unread"] = show(c.buffer)
            return out

        ends = await asyncio.gather(*(end_of(name, c) for name, c in self.connections.items()))
        return {k: v for one in ends for k, v in one.items()}

    def shut(self):
        for c in self.connections.values():
            c.writer.transport.abort()
