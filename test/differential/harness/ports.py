"""Free ports, from a range the kernel doesn't hand out for outgoing connections."""
import random
import socket

_taken = set()
_random = random.Random()


def held_port():
    """A bound socket: nobody else gets its port."""
    while True:
        s = socket.socket()
        try:
            s.bind(("127.0.0.1", free_port()))
            return s
        except OSError:
            s.close()


def free_port():
    while True:
        port = _random.randrange(16000, 31000)
        if port in _taken or port % 1000 == 0:  # nor one that a timeout in a header may look like
            continue
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
            except OSError:
                continue
        with socket.socket() as s:
            try:
                s.bind(("0.0.0.0", port))
            except OSError:
                continue
        _taken.add(port)
        return port
