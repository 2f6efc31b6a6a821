"""Free ports, from a range the kernel doesn't hand out for outgoing connections."""
import collections
import random
import socket

HELD_MAX = 2000  # far more than the scenarios that run at a time need
_held = collections.deque()
_random = random.Random()


def held_port(kind=socket.SOCK_STREAM):
    """A bound socket: nobody else gets its port."""
    while True:
        s = socket.socket(type=kind)
        try:
            s.bind(("127.0.0.1", free_port()))
            return s
        except OSError:
            s.close()


def free_port():
    while True:
        port = _random.randrange(16000, 31000)
        if port % 1000 == 0:  # a timeout in a header may look like it
            continue
        # A name held while the scenario runs: no other run of the suite takes the port meanwhile.
        hold = socket.socket(socket.AF_UNIX)
        try:
            hold.bind(f"\0differential-port-{port}")
            for address in ("127.0.0.1", "0.0.0.0"):
                with socket.socket() as s:
                    s.bind((address, port))
        except OSError:
            hold.close()
            continue
        _held.append(hold)
        if len(_held) > HELD_MAX:
            _held.popleft().close()
        return port
