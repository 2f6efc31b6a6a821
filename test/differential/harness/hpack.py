"""HPACK (RFC 7541): decodes everything, encodes plain literals only, so that what is sent is what is written."""

STATIC = [tuple(x.replace("%20", " ").split("|")) for x in (
    ":authority| :method|GET :method|POST :path|/ :path|/index.html :scheme|http :scheme|https :status|200 :status|204 :status|206 :status|304 "
    ":status|400 :status|404 :status|500 accept-charset| accept-encoding|gzip,%20deflate accept-language| accept-ranges| accept| "
    "access-control-allow-origin| age| allow| authorization| cache-control| content-disposition| content-encoding| content-language| "
    "content-length| content-location| content-range| content-type| cookie| date| etag| expect| expires| from| host| if-match| "
    "if-modified-since| if-none-match| if-range| if-unmodified-since| last-modified| link| location| max-forwards| proxy-authenticate| "
    "proxy-authorization| range| referer| refresh| retry-after| server| set-cookie| strict-transport-security| transfer-encoding| "
    "user-agent| vary| via| www-authenticate|").split()]

# The code is canonical: lengths tell it all (RFC 7541, appendix B).
LENGTHS = [int(x) for x in (
    "13 23 28 28 28 28 28 28 28 24 30 28 28 30 28 28 28 28 28 28 28 28 30 28 28 28 28 28 28 28 28 28 6 10 10 12 13 6 8 11 10 10 8 11 8 6 6 6 "
    "5 5 5 6 6 6 6 6 6 6 7 8 15 6 12 10 13 6 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 8 7 8 13 19 13 14 6 15 5 6 5 6 5 6 6 6 5 7 7 6 6 6 5 "
    "6 7 6 5 5 6 7 7 7 7 7 15 11 14 13 28 20 22 20 20 22 22 22 23 22 23 23 23 23 23 24 23 24 24 22 23 24 23 23 23 23 21 22 23 22 23 23 24 22 "
    "21 20 22 22 23 23 21 23 22 22 24 21 22 23 23 21 21 22 21 23 22 23 23 20 22 22 22 23 22 22 23 26 26 20 19 22 23 22 25 26 26 26 27 27 26 "
    "24 25 19 21 26 27 27 26 27 24 21 21 26 26 28 27 27 27 20 24 20 21 22 21 21 23 22 22 25 25 24 24 26 23 26 27 26 26 27 27 27 27 27 28 27 "
    "27 27 27 27 26 30").split()]


def codes():
    out, code, before = {}, 0, 0
    for symbol in sorted(range(257), key=lambda s: (LENGTHS[s], s)):
        code <<= LENGTHS[symbol] - before
        before = LENGTHS[symbol]
        out[before, code] = symbol
        code += 1
    return out


CODES = codes()


def huffman(data):
    out, code, bits = bytearray(), 0, 0
    for byte in data:
        for i in range(7, -1, -1):
            code, bits = code << 1 | byte >> i & 1, bits + 1
            symbol = CODES.get((bits, code))
            if symbol is not None:
                out.append(symbol)
                code = bits = 0
    return bytes(out)


def number(n, prefix=7, first=0):
    most = (1 << prefix) - 1
    if n < most:
        return bytes([first | n])
    out = [first | most]
    n -= most
    while n >= 128:
        out.append(n % 128 + 128)
        n //= 128
    return bytes(out + [n])


def literal(name, value):
    """A field that enters no table, without Huffman coding."""
    name, value = (x if isinstance(x, bytes) else x.encode("latin-1") for x in (name, value))
    return b"\0" + number(len(name)) + name + number(len(value)) + value


def indexed(n):
    return number(n, 7, 0x80)


def incremental(name, value):
    """A field that enters the table."""
    return b"\x40" + literal(name, value)[1:]


class Decoder:
    def __init__(self):
        self.table, self.most = [], 4096

    def field(self, i):
        return STATIC[i - 1] if i <= len(STATIC) else self.table[i - len(STATIC) - 1]

    def add(self, field):
        self.table.insert(0, field)
        self.evict()

    def evict(self):
        while sum(len(k) + len(v) + 32 for k, v in self.table) > self.most:
            self.table.pop()

    def decode(self, data):
        self.data, self.at = data, 0
        out = []
        while self.at < len(data):
            byte = data[self.at]
            if byte & 0x80:
                out.append(self.field(self.number(7)))
            elif byte & 0xe0 == 0x20:
                self.most = self.number(5)
                self.evict()
            else:
                n = self.number(6 if byte & 0x40 else 4)
                name = self.field(n)[0] if n else self.text()
                field = (name, self.text())
                if byte & 0x40:
                    self.add(field)
                out.append(field)
        return out

    def number(self, prefix):
        most = (1 << prefix) - 1
        n = self.data[self.at] & most
        self.at += 1
        if n < most:
            return n
        shift = 0
        while True:
            byte = self.data[self.at]
            self.at += 1
            n += (byte & 127) << shift
            shift += 7
            if byte < 128:
                return n

    def text(self):
        coded = self.data[self.at] & 0x80
        n = self.number(7)
        data = self.data[self.at:self.at + n]
        self.at += n
        return (huffman(data) if coded else data).decode("latin-1")
