"""The tables and targets of bench/xds.py."""
import report
import xds

MIB = 1024


def ratio(found, kind, *path):
    ours, theirs = (report.get(found, name, kind, *path) for name in ("outrigger", "envoy"))
    return ours / theirs if ours is not None and theirs else None


def targets(found):
    out = []
    for kind, words in xds.KINDS.items():
        if report.get(found, "outrigger", kind) is None:
            continue
        for push in xds.PUSHES:
            out += [report.target(f"push of {push}, {words}: time / Envoy's", ratio(found, kind, "push", push, "seconds"), 0.15, "x"),
                    report.target(f"push of {push}, {words}: private memory / Envoy's", ratio(found, kind, "push", push, "private_kib"), 0.12, "x")]
        out += [report.target(f"one {what} of 5000, {words}: time / Envoy's", ratio(found, kind, "change", what, "seconds"), 0.1, "x") for what in xds.CHANGES]
        idle, pushed = (report.get(found, "outrigger", kind, column) for column in ("p99_idle_us", "p99_push_us"))
        out.append(report.target(f"p99 during pushes of 5000, {words} / that without", pushed / idle if idle and pushed else None, 1.2, "x"))
        rss = report.get(found, "outrigger", kind, "idle_rss_kib")
        out.append(report.target(f"resident memory with an idle ADS stream, {words}", rss / MIB if rss else None, 16, "MiB"))
    return out


def table(found):
    lines = [["pushes over ADS: ready, CPU, private memory", *(p + ("" if " " in p else " clusters") for p in xds.PUSHES)]]
    more = [["one of 5000 changes: push to traffic, CPU", *xds.CHANGES, "p99 idle", "p99 in pushes", "idle RSS"]]
    for name, kinds in found.items():
        for kind, words in xds.KINDS.items():
            f = kinds.get(kind)
            if f is None:
                continue
            cells = []
            for p in xds.PUSHES:
                push = f["push"].get(p)
                cells.append("-" if push is None else f"{push['seconds']:.2f} s, {push['cpu']:.2f} s, {push['private_kib'] / MIB:.1f} MiB")
            lines.append([f"  {name}, {words}", *cells])
            changes = [f["change"].get(c) for c in xds.CHANGES]
            more.append([f"  {name}, {words}", *("-" if c is None else f"{c['seconds'] * 1000:.1f} ms, {c['cpu'] * 1000:.0f} ms" for c in changes),
                         *(report.cell(f.get(c), 0) + " µs" for c in ("p99_idle_us", "p99_push_us")),
                         f"{f['idle_rss_kib'] / MIB:.1f} MiB"])
    return report.columns(lines) + "\n\n" + report.columns(more)
