"""The table of a bench result and its targets, as ratios within the run."""
import measure
import policies_report
import xds_report


WIRE = ("tls", "tls_ecdsa", "tls_rsa", "tls_resumed", "h2", "grpc_unary", "grpc_stream", "mesh")


def get(result, *path):
    for key in path:
        if not isinstance(result, dict) or result.get(key) is None:
            return None
        result = result[key]
    return result


def target(name, value, limit, unit="", at_least=False):
    """One target: met is None where it could not be measured."""
    met = None if value is None else (value >= limit if at_least else value <= limit)
    return {"name": name, "value": value, "limit": limit, "unit": unit, "at_least": at_least, "met": met}


def ratio(result, row, column, other):
    ours, theirs = get(result, "rows", row, "outrigger", column), get(result, "rows", row, other, column)
    return ours / theirs if ours is not None and theirs else None


def targets(result):
    found = []
    wanted_rows = result.get("rows", {})
    if "small" in wanted_rows:
        found += [
            target("CPU per small request / HAProxy's", ratio(result, "small", "cpu_us", "haproxy"), 1, "x"),
            target("small requests/s / HAProxy's", ratio(result, "small", "rate", "haproxy"), 1, "x", at_least=True),
            target("p99 at half of Envoy's saturation / Envoy's", ratio(result, "small", "p99_us", "envoy"), 0.5, "x"),
            target("user time per small request", get(result, "rows", "small", "outrigger", "user_us"), 4, "µs"),
        ]
    if "tcp_small" in wanted_rows:
        found.append(target("CPU per small TCP exchange / HAProxy's",
                            ratio(result, "tcp_small", "cpu_us", "haproxy"), 1, "x"))
    if "tcp_bulk" in wanted_rows:
        found.append(target("CPU per MiB of TCP stream / HAProxy's",
                            ratio(result, "tcp_bulk", "cpu_us", "haproxy"), 1, "x"))
    for row in (measure.ROWS[name] for name in wanted_rows if name in WIRE):
        found.append(target(f"CPU per {row.unit} of {row.name} / {row.basis}'s", ratio(result, row.name, "cpu_us", row.basis),
                            row.most, "x"))
    if "mesh" in wanted_rows:
        found.append(target("p99 of mesh / Envoy's", ratio(result, "mesh", "p99_us", "envoy"), 0.4, "x"))
    if "rest" in result:
        for kind, most in (("plain", 4), ("tls", 24)):
            found.append(target(f"private memory of a {kind} connection at rest", get(result, "rest", "outrigger", kind), most, "KiB"))
    idle = get(result, "idle", "outrigger", "rss_kib") or get(result, "startup", "outrigger", "0", "rss_kib")
    found.append(target("idle resident memory", idle / 1024 if idle else None, 10, "MiB"))
    if "startup" in result:
        found += [
            target("private memory per idle cluster", per_cluster(result, "outrigger"), 4, "KiB"),
            target("start to first response, no idle clusters", milliseconds(result, "0"), 20, "ms"),
            target("start to first response, 1000 clusters", milliseconds(result, "1000"), 100, "ms"),
        ]
    if "xds" in result:
        found += xds_report.targets(result["xds"])
    if "policies" in result:
        found += policies_report.targets(result["policies"])
    return found


def milliseconds(result, extra, name="outrigger"):
    seconds = get(result, "startup", name, extra, "seconds")
    return seconds * 1000 if seconds is not None else None


def per_cluster(result, name):
    many, few = (get(result, "startup", name, extra, "private_kib") for extra in ("5000", "0"))
    return (many - few) / 5000 if many is not None and few is not None else None


def cell(value, digits=1):
    if value is None:
        return "-"
    return f"{value:,.0f}" if value >= 1000 else f"{value:.{digits}f}"


def columns(lines):
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    return "\n".join("  ".join(text.ljust(width) if i == 0 else text.rjust(width)
                               for i, (text, width) in enumerate(zip(line, widths))) for line in lines)


def row_table(row, by_proxy):
    lines = [[row.title, f"{row.unit}/s", f"CPU µs/{row.unit}", "x HAProxy", f"user µs/{row.unit}",
              f"calls/{row.unit}", "p50 µs", "p99 µs"]]
    reference = by_proxy.get("haproxy", {}).get("cpu_us")
    for name, f in by_proxy.items():
        cpu = f.get("cpu_us")
        lines.append([f"  {name}" + (" (FAILED)" if f.get("failures") else ""), cell(f.get("rate")), cell(cpu, 2),
                      cell(cpu / reference if cpu and reference else None, 2), cell(f.get("user_us"), 2),
                      cell(f.get("syscalls"), 2), cell(f.get("p50_us"), 0), cell(f.get("p99_us"), 0)])
    rates = [f["latency_rate"] for f in by_proxy.values() if f.get("latency_rate")]
    note = f"\n  (latency at {rates[0]:,.0f} requests/s)" if rates else ""
    return columns(lines) + note


def mib(kib):
    return kib / 1024 if kib is not None else None


def memory_table(result):
    lines = [["memory, MiB", "idle RSS", "idle private", "RSS after load", "private after load"]]
    for name in result["idle"]:
        lines.append([f"  {name}", *(cell(mib(get(result, when, name, what))) for when in ("idle", "loaded")
                                     for what in ("rss_kib", "private_kib"))])
    return columns(lines)


def startup_table(result):
    lines = [["start to first response; private memory", *(f"{extra} clusters" for extra in ("no", "1000", "5000")),
              "KiB per cluster"]]
    for name in result["startup"]:
        cells = [f"{cell(milliseconds(result, extra, name))} ms, "
                 f"{cell(mib(get(result, 'startup', name, extra, 'private_kib')))} MiB" for extra in ("0", "1000", "5000")]
        lines.append([f"  {name}", *cells, cell(per_cluster(result, name), 2)])
    return columns(lines)


def rest_table(result):
    lines = [["a connection at rest, private KiB", "plain", "TLS"]]
    lines += [[f"  {name}", cell(f.get("plain"), 2), cell(f.get("tls"), 2)] for name, f in result["rest"].items()]
    return columns(lines)


def target_table(found):
    words = {None: "not measured", True: "met", False: "NOT MET"}
    lines = [["target", "measured", "wanted", ""]]
    for t in found:
        lines.append([f"  {t['name']}", f"{cell(t['value'], 2)} {t['unit']}",
                      f"{'>=' if t['at_least'] else '<='} {t['limit']} {t['unit']}", words[t["met"]]])
    return columns(lines)


def table(result):
    parts = [row_table(measure.ROWS[name], by_proxy) for name, by_proxy in result.get("rows", {}).items()]
    if "idle" in result:
        parts.append(memory_table(result))
    if "rest" in result:
        parts.append(rest_table(result))
    if "startup" in result:
        parts.append(startup_table(result))
    if "xds" in result:
        parts.append(xds_report.table(result["xds"]))
    if "policies" in result:
        parts.append(policies_report.table(result["policies"]))
    parts.append(target_table(result["targets"]))
    return "\n" + "\n\n".join(parts)
