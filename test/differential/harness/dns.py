"""A small DNS server of a scenario: answers A and AAAA by a table that the client's steps may change."""
import asyncio
import ipaddress
import socket
import struct

from .ports import held_port

A, AAAA = 1, 28
SERVFAIL, NXDOMAIN, REFUSED = 2, 3, 5
CODES = {"servfail": SERVFAIL, "nxdomain": NXDOMAIN, "refused": REFUSED}


def question(query):
    """Name, type and the bytes of the first question."""
    labels, at = [], 12
    while query[at]:
        labels.append(query[at + 1:at + 1 + query[at]].decode("latin-1").lower())
        at += 1 + query[at]
    return ".".join(labels), struct.unpack(">H", query[at + 1:at + 3])[0], query[12:at + 5]


class DnsServer:
    """Records are {name: answer}; an answer is a list of addresses, or one of CODES, or "silent". A dict has them by type."""

    def __init__(self, records):
        self.records = dict(records)
        self.ttl = 0
        self.asked = []
        self.sock = held_port(socket.SOCK_DGRAM)
        self.port = self.sock.getsockname()[1]
        self.tcp = socket.socket()
        self.tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.tcp.bind(("127.0.0.1", self.port))
        self.transport = self.server = None

    async def start(self):
        loop = asyncio.get_running_loop()
        self.transport, _ = await loop.create_datagram_endpoint(lambda: self, sock=self.sock)
        self.server = await asyncio.start_server(self.serve_tcp, sock=self.tcp)

    async def stop(self):
        if self.transport:
            self.transport.close()
            self.server.close()

    def answer(self, query, how):
        name, kind, text = question(query)
        if not name:  # a health check of the resolver library
            return self.reply(query, text, 0, [])
        self.asked.append((name, {A: "A", AAAA: "AAAA"}.get(kind, str(kind)), how))
        record = self.records.get(name, "nxdomain")
        if isinstance(record, dict):
            record = record.get("A" if kind == A else "AAAA", [])
        if record == "silent":
            return None
        if isinstance(record, str):
            return self.reply(query, text, CODES[record], [])
        found = [ipaddress.ip_address(a) for a in record]
        return self.reply(query, text, 0, [a.packed for a in found if (a.version == 4) == (kind == A)])

    def reply(self, query, text, code, addresses):
        head = query[:2] + struct.pack(">HHHHH", 0x8180 | code, 1, len(addresses), 0, 0)
        kind = struct.unpack(">H", text[-4:-2])[0]
        return head + text + b"".join(struct.pack(">HHHIH", 0xc00c, kind, 1, self.ttl, len(a)) + a for a in addresses)

    # The datagram protocol.
    def connection_made(self, transport):
        pass

    def connection_lost(self, error):
        pass

    def error_received(self, error):
        pass

    def datagram_received(self, data, address):
        answer = self.answer(data, "udp")
        if answer is not None:
            self.transport.sendto(answer, address)

    async def serve_tcp(self, reader, writer):
        try:
            while True:
                size = struct.unpack(">H", await reader.readexactly(2))[0]
                answer = self.answer(await reader.readexactly(size), "tcp")
                if answer is not None:
                    writer.write(struct.pack(">H", len(answer)) + answer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()
