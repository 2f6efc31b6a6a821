"""Compressed bodies: gzip by the standard library, brotli and zstd by the system's libraries."""
import ctypes
import functools
import zlib

CODINGS = ("gzip", "br", "zstd")


@functools.lru_cache
def library(name):
    return ctypes.CDLL(f"lib{name}.so.1")


def pack(coding, data, **options):
    """options of zstd: checksum, level, sized=False (a frame that does not tell its size)."""
    data = data.encode() if isinstance(data, str) else data
    if coding == "gzip":
        z = zlib.compressobj(options.get("level", 9), wbits=options.get("bits", 15) + 16)
        return z.compress(data) + z.flush()
    out = ctypes.create_string_buffer(len(data) + len(data) // 2 + 1024)
    if coding == "br":
        n = ctypes.c_size_t(len(out))
        assert library("brotlienc").BrotliEncoderCompress(5, 22, 0, ctypes.c_size_t(len(data)), data, ctypes.byref(n), out)
        return out.raw[:n.value]
    z = library("zstd")
    z.ZSTD_createCCtx.restype, z.ZSTD_compress2.restype = ctypes.c_void_p, ctypes.c_size_t
    context = ctypes.c_void_p(z.ZSTD_createCCtx())
    for key, value in ((100, options.get("level", 3)), (200, int(options.get("sized", True))), (201, int(options.get("checksum", False)))):
        z.ZSTD_CCtx_setParameter(context, key, value)
    if "dictionary" in options:
        z.ZSTD_CCtx_loadDictionary(context, options["dictionary"], ctypes.c_size_t(len(options["dictionary"])))
    n = z.ZSTD_compress2(context, out, ctypes.c_size_t(len(out)), data, ctypes.c_size_t(len(data)))
    z.ZSTD_freeCCtx(context)
    return out.raw[:n]


class Frame(ctypes.Structure):
    _fields_ = [("at", ctypes.c_void_p), ("size", ctypes.c_size_t), ("pos", ctypes.c_size_t)]


def unpack(coding, data, dictionary=None):
    """What the beginning of a body holds, and whether it ends there; none: it is wrong."""
    if coding == "gzip":
        z = zlib.decompressobj(wbits=31)
        try:
            return z.decompress(data), z.eof and not z.unused_data
        except zlib.error:
            return None
    return unpack_brotli(data) if coding == "br" else unpack_zstd(data, dictionary)


def unpack_brotli(data):
    b = library("brotlidec")
    b.BrotliDecoderCreateInstance.restype = ctypes.c_void_p
    state = ctypes.c_void_p(b.BrotliDecoderCreateInstance(None, None, None))
    source = ctypes.create_string_buffer(data, len(data))
    left, at, text, how = ctypes.c_size_t(len(data)), ctypes.c_void_p(ctypes.addressof(source)), b"", 3
    while how == 3:  # more room is needed
        out = ctypes.create_string_buffer(1 << 16)
        room, to = ctypes.c_size_t(len(out)), ctypes.c_void_p(ctypes.addressof(out))
        how = b.BrotliDecoderDecompressStream(state, ctypes.byref(left), ctypes.byref(at), ctypes.byref(room), ctypes.byref(to), None)
        text += out.raw[:len(out) - room.value]
    b.BrotliDecoderDestroyInstance(state)
    return None if how == 0 else (text, how == 1 and left.value == 0)


def unpack_zstd(data, dictionary):
    z = library("zstd")
    z.ZSTD_createDCtx.restype = ctypes.c_void_p
    z.ZSTD_decompressStream.restype = ctypes.c_size_t
    context = ctypes.c_void_p(z.ZSTD_createDCtx())
    if dictionary:
        z.ZSTD_DCtx_loadDictionary(context, dictionary, ctypes.c_size_t(len(dictionary)))
    source, out = ctypes.create_string_buffer(data, len(data)), ctypes.create_string_buffer(1 << 16)
    given, text, wants = Frame(ctypes.addressof(source), len(data), 0), b"", 1
    while True:
        room = Frame(ctypes.addressof(out), len(out), 0)
        wants = z.ZSTD_decompressStream(context, ctypes.byref(room), ctypes.byref(given))
        text += out.raw[:room.pos]
        if wants > 1 << 63 or wants == 0 or room.pos < room.size:
            break
    z.ZSTD_freeDCtx(context)
    return None if wants > 1 << 63 else (text, wants == 0 and given.pos == len(data))


def shown(body, coding, show, key):
    """A body in an outcome: packed ones by what they hold."""
    found = unpack(coding, body) if coding in CODINGS and body else None
    if found is None:
        return {key: show(body)}
    return {"unpacked": show(found[0]), **({} if found[1] else {"unpacked_ends": False})}
