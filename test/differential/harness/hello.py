"""TLS ClientHello messages, built byte by byte: right ones, and ones that are wrong in a chosen place."""


def u8(n):
    return n.to_bytes(1, "big")


def u16(n):
    return n.to_bytes(2, "big")


def u24(n):
    return n.to_bytes(3, "big")


def vector(size, data):
    """A length of `size` bytes, then the data."""
    return len(data).to_bytes(size, "big") + data


def extension(kind, data):
    return u16(kind) + vector(2, data)


def server_name(name, kind=0):
    name = name.encode("latin-1") if isinstance(name, str) else name
    return extension(0, vector(2, u8(kind) + vector(2, name)))


def alpn(*names):
    return extension(16, vector(2, b"".join(vector(1, n.encode("latin-1")) for n in names)))


def versions(*values):
    return extension(43, vector(1, b"".join(u16(v) for v in values)))


def groups(*values):
    return extension(10, vector(2, b"".join(u16(v) for v in values)))


def points(*values):
    return extension(11, vector(1, bytes(values)))


def signatures(*values):
    return extension(13, vector(2, b"".join(u16(v) for v in values)))


def key_share(*shares):
    return extension(51, vector(2, b"".join(u16(g) + vector(2, key) for g, key in shares)))


USUAL = (groups(0x001D, 0x0017, 0x0018), points(0, 1, 2), signatures(0x0403, 0x0804, 0x0401), versions(0x0304, 0x0303),
         key_share((0x001D, bytes(range(1, 33)))))


def body(*extensions, version=0x0303, ciphers=(0x1301, 0x1302, 0xC02B, 0xC02F), session=b"", compression=b"\0", random=bytes(range(32)),
         block=True, tail=b""):
    """The message without its header. `block`: with a block of extensions, even when there are none."""
    out = u16(version) + random + vector(1, session) + vector(2, b"".join(u16(c) for c in ciphers)) + vector(1, compression)
    if block:
        out += vector(2, b"".join(extensions))
    return out + tail


def message(data, kind=1):
    return u8(kind) + vector(3, data)


def records(data, size=1 << 14, version=0x0301, kind=22):
    """As TLS records of at most `size` bytes."""
    return b"".join(u8(kind) + u16(version) + vector(2, data[i:i + size]) for i in range(0, len(data), size))


def hello(sni=None, protocols=(), *more, usual=True, **kw):
    """A complete ClientHello as one record."""
    parts = ([server_name(sni)] if sni is not None else []) + (list(USUAL) if usual else [])
    parts += ([alpn(*protocols)] if protocols else []) + list(more)
    return records(message(body(*parts, **kw)))
