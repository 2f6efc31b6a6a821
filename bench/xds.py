"""What pushes of a control plane cost: Outrigger and Envoy fed over ADS by the same one (bench_control_plane), in the same run.

Each is pushed 1,000 clusters, 5,000 clusters, 50,000 endpoints; then one route, one endpoint, one cluster of 5,000 change;
then all 5,000 clusters change again and again while requests go on. State of the world and delta.
"""
import json
import queue
import socket
import statistics
import subprocess
import threading
import time

import configs
import measure
import proxies
from proxies import LOAD_CORE, free_port, pin, stop_process

KINDS = {"GRPC": "state of the world", "DELTA_GRPC": "delta"}
PUSHES = {"1000": (1000, 3), "5000": (5000, 3), "50000 endpoints": (1000, 50)}  # clusters, endpoints of each
CHANGES = ("route", "endpoint", "cluster")
REPEATS = 4      # of a change; even: the endpoint is where it was in the end
PARTS = 3        # of the time without pushes and of that with pushes, which alternate
PATIENCE = 120   # s, for a push
RATE, CONNECTIONS = 3000, 16  # of the load that goes on during pushes
SETTLE = 0.5     # s, before memory is read


class Plane:
    """The control plane's process."""

    def __init__(self, binary):
        self.process = subprocess.Popen([str(binary)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, preexec_fn=pin(LOAD_CORE))
        self.port = int(self.process.stdout.readline())
        self.events = queue.Queue()
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            self.events.put(json.loads(line))

    def push(self, **words):
        """(when it began, which types it changes)"""
        while not self.events.empty():
            self.events.get()
        self.process.stdin.write("push " + " ".join(f"{k}={int(v)}" for k, v in words.items()) + "\n")
        self.process.stdin.flush()
        while True:
            event = self.events.get(timeout=PATIENCE)
            if "pushed" in event:
                return event["at"], set(event["pushed"])

    def accepted(self, types):
        """Waits until all these are; returns when the last was."""
        types, last = set(types), 0
        while types:
            event = self.events.get(timeout=PATIENCE)
            if "refused" in event:
                raise RuntimeError(f"refused: {event['refused']}")
            if "accepted" in event:
                types.discard(event["accepted"])
                last = event["at"]
        return last

    def stop(self):
        stop_process(self.process)


class Fed(proxies.Proxy):
    """A proxy whose config comes from the control plane."""

    def __init__(self, name, binary, folder, plane, kind):
        self.name, self.part, self.process = name, "xds", None
        self.folder = folder / f"{name}-{kind}"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.http, self.admin = free_port(), free_port()
        ads = {"ads": {}, "resource_api_version": "V3"}
        path = self.folder / "bootstrap.json"
        path.write_text(json.dumps({
            "node": {"id": "bench", "cluster": "bench"}, "admin": {"address": configs.socket_address(self.admin)},
            "static_resources": {"clusters": [configs.envoy_cluster("plane", [configs.socket_address(plane.port)], http2=True)]},
            "dynamic_resources": {"cds_config": ads, "lds_config": ads, "ads_config": {
                "api_type": kind, "transport_api_version": "V3", "set_node_on_first_message_only": True,
                "grpc_services": [{"envoy_grpc": {"cluster_name": "plane"}}]}}}))
        self.argv = [binary, "-c", str(path), "--concurrency", "1", "--disable-hot-restart", "--log-level", "error"]

    def asker(self):
        """A connection that stays: host -> the answer's head."""
        connection = socket.create_connection(("127.0.0.1", self.http), 30)

        def ask(host):
            connection.sendall(f"GET /small HTTP/1.1\r\nHost: {host}.test\r\n\r\n".encode())
            data = b""
            while b"\r\n\r\n" not in data:
                data += connection.recv(65536)
            head, _, body = data.partition(b"\r\n\r\n")
            head = head.decode().lower()
            size = head.partition("content-length: ")[2].split("\r\n")[0]
            while len(body) < int(size or 0) or not size and not body.endswith(b"0\r\n\r\n"):
                body += connection.recv(65536)
            return head
        return ask


def until(seen, began):
    """Seconds since `began` until it is."""
    while not seen():
        if time.monotonic() > began + PATIENCE:
            raise RuntimeError("not within %d s" % PATIENCE)
    return time.monotonic() - began


class Trial:
    """One proxy, fed in one variant; a fresh process each time."""

    def __init__(self, context, name, kind):
        self.plane, self.load, self.ports = context.plane, context.load, context.ports
        self.proxy = Fed(name, context.binaries[name], context.folder, self.plane, kind)
        self.plane.push(clusters=1, endpoints=3, salt=0, route=0, cluster=0, moved=0, eds=1, listener=self.proxy.http, **self.ports)
        self.proxy.start()
        time.sleep(SETTLE)

    def push_all(self, clusters, endpoints):
        rss, private = self.proxy.memory_kib()
        cpu, ask, last = self.proxy.cpu_seconds(), self.proxy.asker(), f"service-{clusters - 1}"
        began, types = self.plane.push(clusters=clusters, endpoints=endpoints)
        accepted = self.plane.accepted(types) - began
        seconds = max(accepted, until(lambda: " 200 " in ask(last).split("\r\n")[0], began))
        time.sleep(SETTLE)
        after = self.proxy.memory_kib()
        return {"seconds": seconds, "cpu": self.proxy.cpu_seconds() - cpu, "private_kib": after[1] - private, "rss_kib": after[0]}

    def change(self, what, number):
        ask = self.proxy.asker()
        ask("service-0")
        if what == "route":
            began, types = self.plane.push(route=number)
            seconds = until(lambda: f"x-route: {number}\r\n" in ask("service-0") + "\r\n", began)
        else:
            moved = f":{self.ports['other' if number % 2 else 'upstream']}\r\n"
            began, types = self.plane.push(**({"moved": number % 2} if what == "endpoint" else {"cluster": number, "moved": 0}))
            seconds = until(lambda: moved in ask("service-0") + "\r\n", began)
        self.plane.accepted(types)
        return seconds

    def p99(self, seconds, pushing):
        """Of requests at a steady rate, in µs; meanwhile nothing else happens, or pushes of all clusters follow each other."""
        going, salt, problems = threading.Event(), [1], []

        def push():
            try:
                while not going.is_set():
                    salt[0] = 3 - salt[0]
                    self.plane.accepted(self.plane.push(salt=salt[0])[1])
            except (RuntimeError, queue.Empty) as problem:
                problems.append(problem)
        thread = threading.Thread(target=push)
        if pushing:
            thread.start()
        try:
            row = measure.Row("xds", "", "http", CONNECTIONS)
            found = self.load.run(row, self.proxy, seconds, RATE)["p99_us"]
        finally:
            going.set()
            if pushing:
                thread.join()
        if problems:
            raise RuntimeError(problems[0])
        return found

    def changes(self, what):
        """Medians of one change, and the CPU it took."""
        cpu = self.proxy.cpu_seconds()
        seconds = [self.change(what, k) for k in range(1, REPEATS + 1)]
        return {"seconds": statistics.median(seconds), "cpu": (self.proxy.cpu_seconds() - cpu) / REPEATS}

    def latencies(self, seconds):
        found = [[self.p99(seconds / PARTS, pushing) for pushing in (False, True)] for _ in range(PARTS)]
        return dict(zip(("p99_idle_us", "p99_push_us"), (statistics.median(column) for column in zip(*found))))

    def stop(self):
        self.proxy.stop()


def run_one(context, name, kind):
    """{figure: value}"""
    out = {"push": {}, "change": {}}
    for title, (clusters, endpoints) in PUSHES.items():
        context.say(f"push of {title}, {KINDS[kind]}: {name}")
        trial = Trial(context, name, kind)
        try:
            out.setdefault("idle_rss_kib", trial.proxy.memory_kib()[0])
            out["push"][title] = trial.push_all(clusters, endpoints)
            if title != "5000":
                continue
            for what in CHANGES:
                out["change"][what] = trial.changes(what)
            out.update(trial.latencies(context.seconds))
        finally:
            trial.stop()
    return out


class Context:
    def __init__(self, plane, upstreams, load, folder, binaries, seconds, say):
        self.plane, self.load, self.folder, self.binaries, self.seconds, self.say = plane, load, folder, binaries, seconds, say
        self.ports = {"upstream": upstreams[0].http, "other": upstreams[1].http}


def middle(found):
    """Of figures in the same places, their medians."""
    if isinstance(found[0], dict):
        return {key: middle([f[key] for f in found]) for key in found[0]}
    return statistics.median(found)


def run(context, rounds):
    """{proxy: {variant: figures}}, medians of all rounds; the proxies take turns."""
    results = {}
    for _ in range(rounds):
        for kind in KINDS:
            for name in context.binaries:
                try:
                    results.setdefault(name, {}).setdefault(kind, []).append(run_one(context, name, kind))
                except (RuntimeError, OSError, queue.Empty, measure.LoadError) as problem:
                    context.say(f"FAILED: {name}: {KINDS[kind]}: {problem!r}")
    return {name: {kind: middle(found) for kind, found in kinds.items() if found} for name, kinds in results.items()}
