"""The process under test, and a client of it."""
import json
import os
import pathlib
import re
import socket
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "bench"))
from proxies import free_port, stop_process  # noqa: E402


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
    """bootstrap(port, admin port) gives the config. `ready`: waits until it serves, not just for its admin interface."""

    def __init__(self, binary, folder, bootstrap, level="error", workers=1, arguments=(), ready=True, **popen):
        self.ready = ready
        self.port, self.admin_port = free_port(), free_port()
        config = folder / "bootstrap.json"
        config.write_text(json.dumps(bootstrap(self.port, self.admin_port)))
        config.chmod(0o644)
        self.process = subprocess.Popen([binary, "-c", str(config), "--concurrency", str(workers), "--log-level", level,
                                         *arguments], **popen)
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
            return not self.ready or "LIVE" in self.admin.ask("/ready")
        except (OSError, RuntimeError):  # nobody listens, or 503: it still initializes
            return False

    def stat(self, name):
        return int(re.search(rf"^{re.escape(name)}: (\d+)$", self.admin.ask("/stats?filter=" + re.escape(name)), re.M)[1])

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def cpu_seconds(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self):
        stop_process(self.process)
