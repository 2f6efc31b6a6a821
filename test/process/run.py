#!/usr/bin/env python3
"""The process in its surroundings: out of file descriptors; logs to a standard output that is another user's file; what it
says of bad configs; interception with iptables in network namespaces.

  run.py --binary PATH
"""
import argparse
import json
import os
import pathlib
import re
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "bench"))
import config_errors  # noqa: E402
import intercept  # noqa: E402
import intercept_rules  # noqa: E402
from configs import envoy_listener, socket_address  # noqa: E402
from namespaces import Skipped  # noqa: E402
from proxies import free_port, stop_process  # noqa: E402

TYPES = "type.googleapis.com/envoy.extensions"
PAUSE = 0.1  # s, between two attempts to accept when descriptors are short
SIDECAR_USER = 1337


def bootstrap(port, admin):
    def log(kind):
        return {"name": kind, "typed_config": {"@type": f"{TYPES}.access_loggers.file.v3.FileAccessLog", "path": f"/dev/{kind}",
                "log_format": {"text_format_source": {"inline_string": f"{kind} %REQ(:PATH)% %RESPONSE_CODE%\n"}}}}
    hcm = {"@type": f"{TYPES}.filters.network.http_connection_manager.v3.HttpConnectionManager", "stat_prefix": "h",
           "access_log": [log("stdout"), log("stderr")],
           "http_filters": [{"name": "router", "typed_config": {"@type": f"{TYPES}.filters.http.router.v3.Router"}}],
           "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [
               {"match": {"prefix": "/"}, "direct_response": {"status": 200, "body": {"inline_string": "ok"}}}]}]}}
    return {"admin": {"address": socket_address(admin)}, "static_resources": {"listeners": [
        {**envoy_listener("http", port, "http", hcm), "stat_prefix": "http"}]}}


class Client:
    """One connection that stays."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), 10)

    def ask(self, path):
        self.socket.sendall(f"GET {path} HTTP/1.1\r\nhost: h\r\n\r\n".encode())
        return self.answer()

    def answer(self):
        data = b""
        while b"\r\n\r\n" not in data:
            data += self.receive()
        head, _, body = data.partition(b"\r\n\r\n")
        size = re.search(rb"content-length: (\d+)", head, re.I)
        if size is None:
            while not body.endswith(b"0\r\n\r\n"):
                body += self.receive()
        else:
            while len(body) < int(size[1]):
                body += self.receive()
        if b" 200 " not in head.split(b"\r\n")[0]:
            raise RuntimeError(head.decode())
        return body.decode()

    def receive(self):
        data = self.socket.recv(65536)
        if not data:
            raise RuntimeError("the proxy closed the connection")
        return data

    def close(self):
        self.socket.close()


def until(what, done, seconds=30):
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            raise RuntimeError(f"{what}: not within {seconds} s")


class Proxy:
    def __init__(self, binary, folder, **popen):
        self.port, self.admin_port = free_port(), free_port()
        config = folder / "bootstrap.json"
        config.write_text(json.dumps(bootstrap(self.port, self.admin_port)))
        config.chmod(0o644)
        self.process = subprocess.Popen([binary, "-c", str(config), "--concurrency", "1", "--log-level", "error"], **popen)
        try:
            until("started", self.connected)
        except BaseException:
            self.stop()
            raise

    def connected(self):
        if self.process.poll() is not None:
            raise RuntimeError(f"the proxy ended with {self.process.returncode}")
        try:
            self.admin = Client(self.admin_port)
        except OSError:
            return False
        return "LIVE" in self.admin.ask("/ready")

    def stat(self, name):
        return int(re.search(rf"^{re.escape(name)}: (\d+)$", self.admin.ask("/stats?filter=" + re.escape(name)), re.M)[1])

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def cpu_seconds(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self):
        stop_process(self.process)


def accept_pauses_when_out_of_file_descriptors(binary, folder):
    if b"__ubsan_handle" in pathlib.Path(binary).read_bytes():
        raise Skipped("UBSan's own checks need a descriptor")
    proxy = Proxy(binary, folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    held = []
    try:
        room = 5
        limit = proxy.descriptors() + room
        resource.prlimit(proxy.process.pid, resource.RLIMIT_NOFILE, (limit, limit))
        paused = "listener.http.downstream_cx_overload_reject"
        for _ in range(2 * room):  # the kernel takes those that the proxy cannot
            held.append(Client(proxy.port))
        until("a pause is counted", lambda: proxy.stat(paused) > 0)
        assert proxy.stat("listener.http.downstream_cx_active") == room, "as many connections as there are descriptors"
        # What it costs to wait.
        began, pauses, cpu = time.monotonic(), proxy.stat(paused), proxy.cpu_seconds()
        until("more pauses", lambda: time.monotonic() - began > 10 * PAUSE and proxy.stat(paused) > pauses)
        took, pauses = time.monotonic() - began, proxy.stat(paused) - pauses
        assert pauses <= took / PAUSE + 2, f"{pauses} attempts to accept in {took:.2f} s"
        before, began = proxy.cpu_seconds(), time.monotonic()
        proxy.admin.socket.settimeout(10 * PAUSE)
        try:
            proxy.admin.socket.recv(1)  # nothing comes: a second without any question
        except TimeoutError:
            pass
        proxy.admin.socket.settimeout(10)
        used, took = proxy.cpu_seconds() - before, time.monotonic() - began
        assert used <= took / 4, f"{used:.2f} s of CPU in {took:.2f} s of waiting"
        # Those that were accepted are served; the others are once these go.
        for c in held[:room]:
            assert c.ask("/held") == "ok"
            c.close()
        for c in held[room:]:
            assert c.ask("/waited") == "ok"
    finally:
        for c in held:
            c.close()
        proxy.stop()


def standard_output_of_another_user_takes_access_logs(binary, folder):
    if os.geteuid() != 0:
        raise Skipped("only root can start a process as another user")
    folder.chmod(0o755)
    copy = folder / "outrigger"  # where the binary is, that user may not look
    shutil.copy(binary, copy)
    copy.chmod(0o755)
    out, err = folder / "out", folder / "err"
    with open(out, "wb") as o, open(err, "wb") as e:
        for path in (out, err):
            path.chmod(0o600)
        proxy = Proxy(str(copy), folder, stdout=o, stderr=e, user=SIDECAR_USER, group=SIDECAR_USER, extra_groups=[], cwd="/")
    try:
        assert os.stat(f"/proc/{proxy.process.pid}").st_uid == SIDECAR_USER
        assert Client(proxy.port).ask("/seen") == "ok"
    finally:
        proxy.stop()
    for path in (out, err):
        assert f"std{path.name} /seen 200\n" in path.read_text(), f"{path.name}: {path.read_text()!r}"


TESTS = [accept_pauses_when_out_of_file_descriptors, standard_output_of_another_user_takes_access_logs, *config_errors.TESTS,
         *intercept_rules.TESTS, *intercept.TESTS]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", required=True)
    binary = os.path.abspath(parser.parse_args().binary)
    passed = failed = 0
    for test in TESTS:
        name = test.__name__.replace("_", " ")
        with tempfile.TemporaryDirectory(prefix="outrigger-process-") as folder:
            try:
                test(binary, pathlib.Path(folder))
            except Skipped as why:
                print(f"SKIP {name}: {why}")
            except (AssertionError, OSError, RuntimeError) as problem:
                failed += 1
                print(f"FAIL {name}: {problem}")
            else:
                passed += 1
                print(f"PASS {name}")
    print(f"{passed} passed, {failed} failed")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
