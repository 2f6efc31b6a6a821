"""Runs one load against one proxy and says what it cost."""
import dataclasses
import json
import pathlib
import re
import shutil
import signal
import subprocess
import time

from configs import NGINX_STREAM
from proxies import LOAD_CORE, pin

MIB = 1024 * 1024


@dataclasses.dataclass(frozen=True)
class Row:
    name: str
    title: str
    mode: str                 # http, ping, bulk: modes of bench_load; h2: h2load
    connections: int
    options: tuple = ()       # more options of bench_load
    wrk: tuple = None         # wrk's arguments when wrk can make this load
    per_mib: bool = False     # the unit is MiB, not an operation
    latency: bool = True
    port: str = "http"        # of the proxy
    proxies: tuple = ("outrigger", "envoy", "nginx", "haproxy")
    part: str = ""            # which configuration: plain, "wire", or "pair" for two proxies in a row
    basis: str = "haproxy"    # whose CPU time ours is compared with, and the ratio to reach
    most: float = 1

    @property
    def unit(self):
        return "MiB" if self.per_mib else "op"


MANY_HEADERS = tuple(x for i in range(20) for x in ("-H", f"x-bench-header-{i}: some value of usual length {i}"))
TCP = ("outrigger", "envoy", "haproxy") + (("nginx",) if NGINX_STREAM.exists() else ())
H2 = ("outrigger", "envoy", "haproxy")
GRPC = ("-H", "content-type: application/grpc", "-H", "te: trailers", "--data")
STREAMS = 16                  # of each connection of h2load
ROWS = {row.name: row for row in (
    Row("small", "small GET, keep-alive", "http", 64, wrk=()),
    Row("headers", "small GET with 20 headers", "http", 64, ("headers=20",), wrk=MANY_HEADERS),
    Row("connect", "new connection per request", "http", 32, ("close=1",)),
    Row("response", "1 MiB response", "http", 8, ("path=/big",), per_mib=True),
    Row("upload", "1 MiB upload", "http", 8, ("path=/upload", f"body={MIB}"), per_mib=True),
    Row("tcp_small", "TCP, 100 bytes there and back", "ping", 64, port="tcp", proxies=TCP),
    Row("tcp_bulk", "TCP, one long stream", "bulk", 4, per_mib=True, latency=False, port="tcp", proxies=TCP),
    Row("tls", "TLS, small GET, keep-alive", "http", 64, ("tls=full",), port="https", part="wire"),
    Row("tls_ecdsa", "TLS handshake, ECDSA P-256, and a small GET", "http", 32, ("close=1", "tls=full"), port="https", part="wire"),
    Row("tls_rsa", "TLS handshake, RSA-2048, and a small GET", "http", 32, ("close=1", "tls=full"), port="https_rsa", part="wire"),
    Row("tls_resumed", "TLS handshake, resumed, and a small GET", "http", 32, ("close=1", "tls=resume"), port="https", part="wire"),
    Row("h2", "HTTP/2 to HTTP/2, small GET, 16 x 16 streams", "h2", 16, ("/small",), port="h2", proxies=H2, part="wire"),
    Row("grpc_unary", "gRPC, one message, 16 x 16 streams", "h2", 16, ("/unary", *GRPC), port="h2", proxies=H2, part="wire"),
    Row("grpc_stream", "gRPC, 100 messages of 1000 bytes, 16 x 16 streams", "h2", 16, ("/stream", *GRPC), port="h2",
        proxies=H2, latency=False, part="wire"),
    Row("mesh", "mesh: HTTP/1.1, mutual TLS with HTTP/2, HTTP/1.1", "http", 64, proxies=H2, part="pair", basis="envoy", most=0.3),
)}


class LoadError(Exception):
    pass


class Load:
    def __init__(self, binary, folder):
        self.binary = binary
        self.wrk, self.h2load = shutil.which("wrk"), shutil.which("h2load")
        self.log, self.message = pathlib.Path(folder) / "h2load.log", pathlib.Path(folder) / "message"
        self.message.write_bytes(bytes([0, 0, 0, 0, 20]) + b"m" * 20)

    def run(self, row, proxy, seconds, rate=0):
        """Returns the report of bench_load (or the same keys from wrk)."""
        port = getattr(proxy, row.port)
        if row.mode == "h2":
            return self._run_h2load(row, port, seconds, rate)
        if row.wrk is not None and self.wrk and not rate:
            return self._run_wrk(row, port, seconds)
        argv = [self.binary, row.mode, str(port), f"connections={row.connections}", f"seconds={seconds}",
                f"rate={rate}", *row.options]
        done = self._call(argv, seconds)
        try:
            report = json.loads(done.stdout.splitlines()[-1])
        except (ValueError, IndexError):
            raise LoadError(f"{row.name} on {proxy.name}: {done.stdout[-300:]} {done.stderr[-300:]}") from None
        if report["errors"]:
            raise LoadError(f"{row.name} on {proxy.name}: {report['errors']} failed operations")
        return report

    @staticmethod
    def _call(argv, seconds):
        return subprocess.run(argv, capture_output=True, text=True, timeout=seconds + 60, preexec_fn=pin(LOAD_CORE))

    def _run_wrk(self, row, port, seconds):
        seconds = max(1, round(seconds))
        done = self._call([self.wrk, "-t1", f"-c{row.connections}", f"-d{seconds}s", *row.wrk,
                           f"http://127.0.0.1:{port}/small"], seconds)
        count = re.search(r"(\d+) requests in ([\d.]+)s", done.stdout)
        bad = re.search(r"Non-2xx or 3xx responses: (\d+)|Socket errors: (.*)", done.stdout)
        if not count or bad:
            raise LoadError(f"{row.name}: wrk: {bad.group(0) if bad else done.stdout + done.stderr}")
        return {"operations": int(count[1]), "bytes": 0, "seconds": float(count[2]), "errors": 0}


    def _run_h2load(self, row, port, seconds, rate):
        """With a rate the load is paced; latencies are those of the requests, as h2load took them."""
        if not self.h2load:
            raise LoadError(f"{row.name}: h2load is not installed")
        path, *more = row.options
        if more:
            more.append(str(self.message))
        self.log.unlink(missing_ok=True)
        pace = [f"--rps={max(1, rate / row.connections):.0f}", f"--log-file={self.log}"] if rate else []
        done = self._call([self.h2load, f"-c{row.connections}", f"-m{STREAMS}", f"-D{round(seconds * 1000)}ms", *pace, *more,
                           f"http://127.0.0.1:{port}{path}"], seconds)
        ended = re.search(r"finished in ([\d.]+)(m?s)", done.stdout)
        counts = re.search(r"(\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout", done.stdout)
        if not ended or not counts or int(counts[1]) == 0 or any(int(counts[i]) for i in (2, 3, 4)):
            raise LoadError(f"{row.name}: h2load: {done.stdout[-500:]}{done.stderr[-300:]}")
        report = {"operations": int(counts[1]), "bytes": 0, "errors": 0,
                  "seconds": float(ended[1]) * (0.001 if ended[2] == "ms" else 1)}
        if rate:
            took = sorted(int(line.split("\t")[2]) for line in self.log.read_text().splitlines())
            report.update(p50_us=took[len(took) // 2], p99_us=took[len(took) * 99 // 100])
        return report


def units(row, report):
    return report["bytes"] / MIB if row.per_mib else report["operations"]


def throughput(load, row, proxy, seconds):
    """One run at full speed: {rate, cpu_us}, per second and per unit."""
    before = proxy.cpu_seconds()
    report = load.run(row, proxy, seconds)
    cpu = proxy.cpu_seconds() - before
    done = units(row, report)
    if not done:
        raise LoadError(f"{row.name} on {proxy.name}: nothing was done")
    return {"rate": done / report["seconds"], "operations_rate": report["operations"] / report["seconds"],
            "cpu_us": cpu * 1e6 / done}


def latency(load, row, proxy, seconds, rate):
    report = load.run(row, proxy, seconds, rate)
    return {name: report[name] for name in ("p50_us", "p99_us")}


def syscalls(load, row, proxy, seconds, folder):
    """System calls per unit, counted by strace in a run of its own; None without strace."""
    if not shutil.which("strace"):
        return None
    output = pathlib.Path(folder) / f"strace-{proxy.name}"
    argv = ["strace", "-c", "-f", "-q", "-o", str(output)] + [x for pid in proxy.pids() for x in ("-p", str(pid))]
    tracer = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        time.sleep(0.3)
        if tracer.poll() is not None:
            return None
        report = load.run(row, proxy, seconds)
    finally:
        if tracer.poll() is None:
            tracer.send_signal(signal.SIGINT)
            try:
                tracer.wait(10)
            except subprocess.TimeoutExpired:
                tracer.kill()
                tracer.wait()
    total = re.search(r"(?m)^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)(?:\s+\d+)?\s+total", output.read_text())
    done = units(row, report)
    return int(total[1]) / done if total and done else None


def user_us(load, row, proxy, seconds, folder):
    """User-space µs of CPU per unit: the share of perf's samples outside the kernel; None without perf."""
    if not shutil.which("perf"):
        return None
    data = pathlib.Path(folder) / f"perf-{proxy.name}"
    argv = ["perf", "record", "-q", "-e", "cpu-clock", "-F", "4000", "-o", str(data), "-p",
            ",".join(map(str, proxy.pids()))]
    sampler = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(0.3)
    if sampler.poll() is not None:
        return None
    before = proxy.cpu_seconds()
    try:
        report = load.run(row, proxy, seconds)
        cpu = proxy.cpu_seconds() - before
    finally:
        sampler.send_signal(signal.SIGINT)
        sampler.wait(20)
    script = subprocess.run(["perf", "script", "-i", str(data), "-F", "ip"], capture_output=True, text=True)
    addresses = [int(line, 16) for line in script.stdout.split()]
    data.unlink(missing_ok=True)
    if len(addresses) < 100:
        return None
    share = sum(address < 1 << 63 for address in addresses) / len(addresses)
    return share * cpu * 1e6 / units(row, report)
