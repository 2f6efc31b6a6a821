"""Network namespaces of a test: made by it, joined by a cable, gone with it. Servers and clients in them are this process's
sockets; a namespace belongs to a thread only while `with` enters it."""
import contextlib
import ctypes
import os
import pathlib
import shutil
import socket
import subprocess
import threading

CLONE_NEWNET = 0x40000000
libc = ctypes.CDLL(None, use_errno=True)


class Skipped(Exception):
    pass


def need_privileges():
    if os.geteuid() != 0:
        raise Skipped("only root can make network namespaces")
    tools = ("unshare", "nsenter", "setpriv", "ip", "iptables", "iptables-restore")
    missing = [tool for tool in tools if shutil.which(tool) is None]
    if missing:
        raise Skipped(f"not installed: {', '.join(missing)}")


class Namespace:
    """Held by a process that ends with this one."""

    def __init__(self):
        need_privileges()
        self.holder = subprocess.Popen(["unshare", "--net", "sh", "-c", "echo made; exec cat"], stdin=subprocess.PIPE,
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if self.holder.stdout.readline() != "made\n":
            self.holder.wait()
            raise Skipped(f"no network namespace: {self.holder.stderr.read().strip()}")
        self.run("ip", "link", "set", "lo", "up")

    def command(self, *argv):
        return ["nsenter", "-t", str(self.holder.pid), "-n", *argv]

    def run(self, *argv, check=True):
        done = subprocess.run(self.command(*argv), capture_output=True, text=True)
        if check and done.returncode != 0:
            raise RuntimeError(f"{' '.join(argv)}: {done.stderr.strip()}")
        return done

    def __enter__(self):
        self.outside = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        inside = os.open(f"/proc/{self.holder.pid}/ns/net", os.O_RDONLY)
        self.set(inside)
        return self

    def __exit__(self, *_):
        self.set(self.outside)

    @staticmethod
    def set(fd):
        try:
            if libc.setns(fd, CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), "setns")
        finally:
            os.close(fd)

    def close(self):
        self.holder.stdin.close()
        self.holder.wait()
        self.holder.stdout.close()
        self.holder.stderr.close()


def cable(a, b, addresses_a, addresses_b):
    """A veth pair, up on both sides."""
    a.run("ip", "link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", str(b.holder.pid))
    for side, addresses in ((a, addresses_a), (b, addresses_b)):
        for address in addresses:
            side.run("ip", "address", "add", address, "dev", "eth0", *(["nodad"] if ":" in address else []))
        side.run("ip", "link", "set", "eth0", "up")


class App:
    """Answers each HTTP request with its own name and who asked where, and closes."""

    def __init__(self, namespace, name, port, address="0.0.0.0"):
        self.name = name
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with namespace:
            self.listener = socket.socket(family)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind((address, port))
        self.listener.listen()
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                connection, peer = self.listener.accept()
            except OSError:
                return
            with connection, contextlib.suppress(OSError):
                connection.settimeout(10)
                data = b""
                while b"\r\n\r\n" not in data and (more := connection.recv(65536)):
                    data += more
                if data:
                    body = f"{self.name} at {connection.getsockname()[0]} from {peer[0]}".encode()
                    connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\nconnection: close\r\n\r\n" % len(body) + body)

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


def ask(namespace, address, port, host="h", source=None):
    """Head and body of the answer, as text; empty when the connection ends without one."""
    with namespace:
        client = socket.create_connection((address, port), 10, source and (source, 0))
    with client:
        client.sendall(f"GET / HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n".encode())
        data = b""
        try:
            while more := client.recv(65536):
                data += more
        except ConnectionResetError:
            pass
    head, _, body = data.decode().partition("\r\n\r\n")
    return head, body


def copy_for_all(binary, folder):
    """Where every user may start it."""
    folder.chmod(0o755)
    copy = pathlib.Path(folder) / "outrigger"
    shutil.copy(binary, copy)
    copy.chmod(0o755)
    return copy
