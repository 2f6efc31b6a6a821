"""Runs one scenario on a running proxy and gathers its outcome."""
import asyncio
import base64
import json
import os
import re
import socket

from . import config, h2
from .dns import DnsServer
from .client import Client, show
from .packing import shown
from .ports import free_port
from .upstream import Upstream

HISTOGRAM = re.compile(r"^(No recorded values|P0\(.*)$")  # empty until the first flush
UUID = re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b")


def own_addresses():
    """The machine's addresses save loopback: what the proxy may take for its own."""
    out = set()
    try:
        with open("/proc/net/fib_trie") as f:
            lines = f.read().splitlines()
        for before, line in zip(lines, lines[1:]):
            if "/32 host LOCAL" in line:
                address = before.split()[-1]
                if not address.startswith("127."):
                    out.add(address)
    except OSError:
        out.add(socket.gethostbyname(socket.gethostname()))
    return out


OWN = own_addresses()


def tokens(port):
    """What stands for an upstream in sessions: its address in base64, plain and in a message, also with a time of expiry."""
    address = f"127.0.0.1:{port}".encode()
    message = bytes((10, len(address))) + address
    forms = {"address64": address, "lasting": message + b"\x10\xff\xff\xff\xff\x7f", "expired": message + b"\x10\x01", "token": message}
    return {kind: base64.b64encode(form).decode() for kind, form in forms.items()}


class Run:
    """A scenario in one group: its ports, names, upstreams, and later its outcome."""

    def __init__(self, scenario, folder, slow, authority):
        self.scenario, self.slow, self.authority = scenario, slow, authority
        self.folder = os.path.join(folder, scenario.name)
        os.makedirs(self.folder, exist_ok=True)
        self.log_path = os.path.join(self.folder, "access.log")
        open(self.log_path, "w").close()
        self.ports = dict(zip(("port", "port2"), sorted((free_port(), free_port()))))
        self.upstreams = {name: Upstream(name, script, self) for name, script in scenario.up.items()}
        self.names = {"dir": self.folder, "name": scenario.name, "log": self.log_path, **self.ports}
        self.names["listener"] = "listener_" + scenario.name
        for name in list(self.upstreams) + list(scenario.clusters):
            self.names[name] = f"{scenario.name}_{name}"
        for name, u in self.upstreams.items():
            self.names[name + ".port"] = u.port
            self.names.update({f"{name}.{kind}": text for kind, text in tokens(u.port).items()})
        self.dns = None if scenario.dns is None else DnsServer(scenario.dns)
        if self.dns:
            self.names["dns.port"] = self.dns.port
        if scenario.certs:
            self.names.update(authority.names())
        self.events = {}
        self.proxy = None

    def fill(self, text):
        if self.proxy:
            self.names["admin"] = self.proxy.admin_port
        return config.fill(text, self.names)

    def fill_bytes(self, data):
        return self.fill(data.decode("latin-1")).encode("latin-1") if b"{{" in data else data

    def event(self, name):
        return self.events.setdefault(name, asyncio.Event())

    async def poll(self, done, seconds=4):
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds * self.slow
        while not done():
            if loop.time() > end:
                return False
            await asyncio.sleep(0.005)
        return True

    def log_lines(self):
        with open(self.log_path, encoding="latin-1") as f:
            return [x for x in f.read().split("\n") if x]

    def write(self, path, text):
        with open(path + ".new", "w") as f:
            f.write(self.fill(text) if path.endswith(".yaml") else self.fill(text).replace("\\n", "\n"))
        os.rename(path + ".new", path)

    async def prepare(self):
        """What the proxy needs while it starts."""
        if self.dns:
            await self.dns.start()
        for name, text in self.scenario.files.items():
            path = os.path.join(self.folder, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            if isinstance(text, tuple):
                os.symlink(self.fill(text[1]), path)
            else:
                self.write(path, text)
        if self.scenario.early:
            await self.start_upstreams()

    async def start(self):
        if not self.scenario.early:
            await self.start_upstreams()

    async def start_upstreams(self):
        for u in self.upstreams.values():
            await u.start()

    async def stop(self):
        for u in self.upstreams.values():
            await u.stop()
        if self.dns:
            await self.dns.stop()

    async def outcome(self, proxy, expected):
        """What happened; expected (the recording, if any) only tells what to wait for."""
        self.proxy = proxy
        self.before = await proxy.stats() if any(n.startswith("+") for n in self.scenario.stats) else {}
        client = Client(self)
        out = {}
        try:
            await client.do(self.scenario.client)
            out["steps"] = client.steps
            await client.settle_h2(expected, lambda: self.same(client.h2_outcome(show), expected.get("h2")))
            out["end"] = await client.ends(expected and self.unmask_names(expected.get("end")))
            if client.h2:
                out["h2"] = client.h2_outcome(show)
        finally:
            client.shut()
        await self.settle_log(out, expected)
        await self.settle_stats(out, expected)
        if not self.scenario.no_upstream:
            await self.settle_upstream(expected)
            out["upstream"] = self.seen_all()
        handshakes = {n: u.handshakes for n, u in self.upstreams.items() if u.handshakes}
        if handshakes:
            out["upstream_tls"] = handshakes
        out = self.masked(out)
        if self.scenario.brief:
            shorten(out)
        if self.scenario.unordered_log:
            lines = {json.dumps(x, sort_keys=True) + ("" if self.scenario.unordered_log == "set" else str(i)): x
                     for i, x in enumerate(out["log"])}
            out["log"] = [lines[k] for k in sorted(lines)]
        return out

    @staticmethod
    def unmask_names(ends):
        return ends

    def same(self, part, recorded):
        return compact(json.loads(json.dumps(self.masked(part)))) == recorded

    async def settle_upstream(self, expected):
        """Resets that are under way to an HTTP/2 upstream arrive."""
        if not any(isinstance(u.script, h2.H2) for u in self.upstreams.values()):
            return
        if expected is None:
            await asyncio.sleep(0.3)
        else:
            await self.poll(lambda: self.same(self.seen_all(), expected.get("upstream")), 2)

    def seen_all(self):
        out = {n: self.seen(u) for n, u in self.upstreams.items() if u.requests or u.streams}
        out.update({n + ".goaways": u.goaways for n, u in self.upstreams.items() if u.goaways})
        return out

    def seen(self, u):
        out = []
        for c in u.serving:
            if "settings" in u.script.show:
                out.append({"settings": c.settings, "windows": [f"{s}: {n}" for s, n in c.windows]})
        for r in u.requests:
            if self.scenario.brief_upstream:
                attempt = [v for k, v in r["headers"] if k.lower() == "x-envoy-attempt-count"]
                out.append(" ".join([r["line"]] + attempt))
            else:
                r = self.scenario.views.get(u.name, dict)(r)
                coding = {k.lower(): v for k, v in r["headers"]}.get("content-encoding")
                body = shown(r["body"], coding, show, "body") if isinstance(r["body"], bytes) else {"body": r["body"]}
                out.append({**{k: v for k, v in r.items() if k not in ("ops", "body")}, **body})
        for s in u.streams:
            out.append({"got": show(s["got"])})
        return out

    async def settle_log(self, out, expected):
        if self.scenario.kind not in ("http", "tcp") or self.scenario.no_log:
            return
        if expected is None:
            await self.poll(self.log_lines, 1.5)
            await asyncio.sleep(0.3)
        else:
            n = len(expected.get("log", []))
            kind = set if self.scenario.unordered_log == "set" else list  # of a set only distinct lines are recorded
            await self.poll(lambda: len(kind(self.log_lines())) >= n)
        lines = self.log_lines()
        parsed = []
        for line in lines:
            try:
                parsed.append(line if self.scenario.raw_log else json.loads(line))
            except ValueError:
                parsed.append(line)
        out["log"] = parsed

    async def settle_stats(self, out, expected):
        names = [self.fill(n) for n in self.scenario.stats]
        if not names or not self.proxy.alive:
            return
        for attempt in range(40):
            have = await self.proxy.stats()
            values = {}
            for n in names:
                if n.startswith("+re:"):
                    values.update({k: f"+{int(v) - int(self.before.get(k, 0))}" for k, v in have.items()
                                   if re.search(n[4:], k) and v.isdigit() and v != self.before.get(k, "0")})
                elif n.startswith("re:"):
                    values.update({k: HISTOGRAM.sub("<histogram>", v) for k, v in have.items() if re.search(n[3:], k)})
                else:
                    values[n] = have.get(n, "0")
            if expected is None and attempt >= 2:
                break
            if expected is not None and self.masked(values) == expected.get("stats"):
                break
            await asyncio.sleep(0.05 * self.slow)
        out["stats"] = values

    def mask_text(self, text):
        for path in (self.log_path, self.folder):
            text = text.replace(path, "<path>")
        text = UUID.sub("<uuid>", text)
        text = self.authority.mask(text)
        for name, u in self.upstreams.items():
            for kind, token in tokens(u.port).items():
                text = text.replace(token, f"<{name}.{kind}>")
        known = {str(u.port): n for n, u in self.upstreams.items()}
        known.update({str(p): n for n, p in self.ports.items()})
        if self.dns:
            known[str(self.dns.port)] = "dns"
        known[str(self.proxy.admin_port)] = "admin"
        # A curve is called X25519.
        text = re.sub(r"(?<![X\d.])\d{5}(?!\d)", lambda m: f"<{known[m[0]]}>" if m[0] in known else m[0], text)
        text = re.sub(r"(127\.0\.0\.1|\[::1\]):\d+", r"\1:<any>", text)
        for address in OWN:
            text = re.sub(rf"(?<![\d.]){re.escape(address)}(?![\d.])", "<own>", text)
        text = re.sub(r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT", "<date>", text)
        for pattern, replacement in self.scenario.mask:
            text = re.sub(pattern, replacement, text)
        return text

    def masked(self, node):
        if isinstance(node, int) and not isinstance(node, bool) and 10000 <= node <= 65535:
            text = self.mask_text(str(node))
            return node if text == str(node) else text
        if isinstance(node, str):
            return self.mask_text(node)
        if isinstance(node, dict):
            return {self.mask_text(k): self.masked(v) for k, v in node.items()}
        if isinstance(node, list):
            if len(node) == 2 and isinstance(node[0], str) and node[0].lower() == "x-envoy-upstream-service-time":
                return [node[0], "<ms>" if str(node[1]).isdigit() else node[1]]
            return [self.masked(x) for x in node]
        return node


def shorten(out):
    """Answers as lines."""
    for i, s in enumerate(out["steps"]):
        if set(s) == {"status", "headers", "body"}:
            out["steps"][i] = f"{s['status']} | {s['body'][:80]}".removeprefix("HTTP/1.1 ").removesuffix(" | ")
    out["end"] = {c: how for c, how in out.get("end", {}).items() if how != "open"}
    for c in out.get("h2", {}).values():
        c["streams"] = {s: " | ".join([*(h for h in x.get("head", ()) if h.startswith(":status")), *([x["data"][:80]] if "data" in x else []), x["end"]])
                        for s, x in c.get("streams", {}).items()}


def compact(node):
    """Headers as one line each: easier to read in recordings and diffs."""
    if isinstance(node, list):
        if len(node) == 2 and all(isinstance(x, str) for x in node):
            return f"{node[0]}: {node[1]}"
        return [compact(x) for x in node]
    if isinstance(node, dict):
        return {k: v if k in ("log", "lines") else compact(v) for k, v in node.items()}
    return node


async def validate(binary, scenario, folder, slow, authority):
    """Outcome of --mode validate: accepted or not; "says" is kept for the reader, not compared."""
    folder = os.path.join(folder, scenario.name)
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, "bootstrap." + scenario.ext)
    with open(path, "w") as f:
        text = scenario.config.replace("{{dir}}", folder)
        f.write(config.fill(text, authority.names()) if scenario.certs else text)
    process = await asyncio.create_subprocess_exec(
        binary, "-c", path, "--mode", "validate", "--disable-hot-restart", "-l", "warning", *scenario.flags,
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT)
    try:
        text = (await asyncio.wait_for(process.communicate(), 30 * slow))[0].decode("utf-8", "replace")
    except asyncio.TimeoutError:
        process.kill()
        return {"exit": "timeout"}
    text = authority.mask(text)
    said = [x for x in text.replace(path, "<file>").replace(folder, "<dir>").splitlines() if x.strip()]
    said = re.sub(r"^\[[^\]]*\]\[[^\]]*\](\[\w+\])+ (\[\S+\] )?", "", said[-1]) if said else ""
    out = {"exit": process.returncode, "says": said[:300]}
    if process.returncode == 0:
        out["ok"] = "configuration '<file>' OK" in text.replace(path, "<file>")
    return out
