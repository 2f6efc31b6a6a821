"""The proxies under comparison: start, stop, CPU time and memory of their processes."""
import os
import pathlib
import shutil
import socket
import subprocess
import time

import configs

PROXY_CORE, LOAD_CORE = 0, 1
TICK = os.sysconf("SC_CLK_TCK")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def pin(core):
    """For preexec_fn: one core, when there is more than one."""
    cores = sorted(os.sched_getaffinity(0))
    return lambda: os.sched_setaffinity(0, {cores[min(core, len(cores) - 1)]})


def stop_process(process):
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class Proxy:
    """One running proxy. `extra` is the number of idle clusters beside those that are used; `part`: "" (plain), "wire", or
    "near" and "far" of two in a row, which share `ports`."""

    def __init__(self, name, binary, folder, upstream, extra=0, part="", ports=None):
        self.name, self.part, self.process = name, part, None
        self.folder = pathlib.Path(folder) / f"{name}-{part}{extra}"
        self.ecdsa, self.rsa = (configs.Certificate(folder, kind) for kind in ("ecdsa", "rsa"))
        for port in ("http", "tcp", "https", "https_rsa", "h2", "far", "admin"):
            setattr(self, port, (ports or {}).get(port) or free_port())
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o777)
        configure = getattr(configs, ("envoy" if name == "outrigger" else name) + ("_" + part if part else ""))
        self.argv = configure(self, binary, upstream, extra)

    def start(self):
        """Returns the seconds from the start of the process to its first whole response."""
        with open(self.folder / "log", "w") as log:
            began = time.monotonic()
            self.process = subprocess.Popen(self.argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            preexec_fn=pin(PROXY_CORE))
        while time.monotonic() < began + 60:
            if first_response(self.http) if self.part != "far" else accepts(self.far):
                return time.monotonic() - began
            if self.process.poll() is not None:
                break
            time.sleep(0.0003)
        text = (self.folder / "log").read_text()[-2000:]
        self.stop()
        raise RuntimeError(f"{self.name} did not start:\n{text}")

    def stop(self):
        if self.process:
            stop_process(self.process)

    def pids(self):
        """The process and its descendants."""
        parents = {}
        for entry in os.listdir("/proc"):
            if entry.isdigit():
                try:
                    fields = pathlib.Path(f"/proc/{entry}/stat").read_text().rpartition(")")[2].split()
                    parents.setdefault(int(fields[1]), []).append(int(entry))
                except OSError:
                    pass
        found = [self.process.pid]
        for pid in found:
            found.extend(parents.get(pid, []))
        return found

    def cpu_seconds(self):
        total = 0
        for pid in self.pids():
            fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            total += int(fields[11]) + int(fields[12])
        return total / TICK

    def memory_kib(self):
        """(resident, private) of all its processes; what a master shares with its worker since the fork is private."""
        sums = {}
        for pid in self.pids():
            for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
                name, kib = line.split()[:2]
                sums[name] = sums.get(name, 0) + int(kib)
        return sums["Rss:"], max(sums["Private_Clean:"] + sums["Private_Dirty:"], sums.get("Pss_Anon:", 0))


class Pair:
    """Two of the same proxy in a row, as in a mesh; looks like one."""

    def __init__(self, name, binary, folder, upstream):
        self.name, self.part = name, "pair"
        ports = {"http": free_port(), "far": free_port()}
        self.parts = [Proxy(name, binary, folder, upstream, part=part, ports=ports) for part in ("far", "near")]
        self.http = ports["http"]

    def start(self):
        for part in self.parts:
            part.start()

    def stop(self):
        for part in self.parts:
            part.stop()

    def pids(self):
        return [pid for part in self.parts for pid in part.pids()]

    def cpu_seconds(self):
        return sum(part.cpu_seconds() for part in self.parts)


def accepts(port):
    try:
        socket.create_connection(("127.0.0.1", port), 5).close()
        return True
    except OSError:
        return False


def first_response(port):
    try:
        with socket.create_connection(("127.0.0.1", port), 5) as s:
            s.sendall(b"GET /small HTTP/1.1\r\nHost: bench.test\r\nConnection: close\r\n\r\n")
            return s.recv(4096).startswith(b"HTTP/1.1 200")
    except OSError:
        return False


def system_proxy(name):
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


class Upstream:
    """The servers behind: HTTP/1.1 and TCP in one process, HTTP/2 in another."""

    def __init__(self, http1, http2, *options):
        """`options`: of the first."""
        self.processes = [subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, preexec_fn=pin(LOAD_CORE))
                          for argv in ([http1, *options], [http2])]
        self.http, self.tcp = map(int, self.processes[0].stdout.readline().split())
        self.h2 = int(self.processes[1].stdout.readline())

    def stop(self):
        for process in self.processes:
            stop_process(process)
