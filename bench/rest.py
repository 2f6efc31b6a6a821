"""What a client's connection costs while nothing happens on it: the growth of the proxy's private memory."""
import resource
import socket
import ssl
import time

import proxies

REQUEST = b"GET /small HTTP/1.1\r\nHost: bench.test\r\n\r\n"
FIRST = 50  # connections before the first look: what is made once is not a connection's


def client_context():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def connect(port, context):
    """A connection that has had one response."""
    s = socket.create_connection(("127.0.0.1", port), 10)
    if context:
        s = context.wrap_socket(s)
    s.sendall(REQUEST)
    if not s.recv(65536).startswith(b"HTTP/1.1 200"):
        raise OSError("no response")
    return s


def per_connection(proxy, port, context, count):
    """KiB of private memory of each of `count` connections at rest."""
    held = [connect(port, context) for _ in range(FIRST)]
    time.sleep(0.5)
    _, before = proxy.memory_kib()
    held += [connect(port, context) for _ in range(count)]
    time.sleep(0.5)
    _, after = proxy.memory_kib()
    for s in held:
        s.close()
    return (after - before) / count


def run(binaries, upstream, folder, count, say):
    """{proxy: {plain, tls}}"""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    results = {}
    for name, binary in binaries.items():
        say(f"{count} connections at rest: {name}")
        for kind, context in (("plain", None), ("tls", client_context())):
            proxy = proxies.Proxy(name, binary, folder, upstream, part="wire")
            try:
                proxy.start()
                port = proxy.https if context else proxy.http
                results.setdefault(name, {})[kind] = per_connection(proxy, port, context, count)
            except (OSError, RuntimeError) as error:
                say(f"FAILED: {name}: {error}")
            finally:
                proxy.stop()
    return results
