"""Compares Outrigger with the real Envoy, nginx and HAProxy, side by side in one run.

Every proxy has one worker and runs on core 0 with an equal configuration; the load and the server behind run on
core 1. The rounds are interleaved. Latency is taken at half of Envoy's saturation by an open load. The figures of
one run compare with each other, not with those of another machine or day. Pushes (xds) and policies are those of Outrigger and
Envoy alone. Result: build/bench/result.json.
"""
import argparse
import json
import os
import pathlib
import shutil
import statistics
import sys
import tempfile
import time

import envoy
import measure
import policies
import policy_configs
import proxies
import report
import rest
import xds

ROOT = pathlib.Path(__file__).resolve().parents[1]
NAMES = ("outrigger", "envoy", "nginx", "haproxy")


def parse_arguments():
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="*", metavar="ROW",
                        help="all (default), startup, rest, xds, policies, or: " + ", ".join(measure.ROWS))
    parser.add_argument("--binary", default=str(ROOT / "build/release/outrigger"))
    parser.add_argument("--tools", default=str(ROOT / "build/release/bench"), help="folder of bench_load, bench_upstream")
    parser.add_argument("--proxies", default=",".join(NAMES))
    parser.add_argument("--quick", action="store_true", help="one short round, coarse")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2, help="of one run")
    parser.add_argument("--output", default=str(ROOT / "build/bench/result.json"))
    options = parser.parse_args()
    known = set(measure.ROWS) | {"startup", "rest", "xds", "policies", "all"}
    for row in options.rows:
        if row not in known:
            parser.error(f"unknown row '{row}'; known: {', '.join(sorted(known))}")
    if not options.rows or "all" in options.rows:
        options.rows = [*measure.ROWS, "rest", "startup", "xds", "policies"]
    if options.quick:
        options.rounds, options.seconds = 1, 0.6
    return options


def find_binaries(options):
    """{name: path} of what can take part; says what cannot and why."""
    found, wanted = {}, options.proxies.split(",")
    for name in wanted:
        path, reason = None, "not installed"
        if name == "outrigger":
            path, reason = options.binary, f"{options.binary} is not built"
            path = path if os.access(path, os.X_OK) else None
        elif name == "envoy":
            path, reason = envoy.envoy_path()
        elif name in NAMES:
            path = proxies.system_proxy(name)
        else:
            reason = "unknown proxy"
        if path:
            found[name] = path
        else:
            print(f"left out: {name}: {reason}")
    return found


def say(text):
    print(f"[{time.monotonic() - BEGAN:5.0f} s] {text}", flush=True)


def take_part(row, running):
    return [p for p in running if p.name in row.proxies and p.part == row.part]


def start_all(binaries, folder, upstream, rows):
    """The plain proxies, and those that the rows want besides."""
    running = [proxies.Proxy(name, binary, folder, upstream) for name, binary in binaries.items()]
    wanted = {(row.part, name) for row in rows for name in row.proxies}
    for name, binary in binaries.items():
        if ("wire", name) in wanted:
            running.append(proxies.Proxy(name, binary, folder, upstream, part="wire"))
        if ("pair", name) in wanted:
            running.append(proxies.Pair(name, binary, folder, upstream))
    started = []
    try:
        for proxy in running:
            started.append(proxy)
            proxy.start()
    except RuntimeError:
        for proxy in started:
            proxy.stop()
        raise
    return running


def median(values):
    return statistics.median(values) if values else None


def run_rows(options, rows, running, load, folder):
    """{row: {proxy: {column: figure}}}"""
    samples = {row.name: {p.name: {} for p in take_part(row, running)} for row in rows}

    def keep(row, proxy, figures):
        for column, value in figures.items():
            samples[row.name][proxy.name].setdefault(column, []).append(value)

    def attempt(row, proxy, function, *arguments):
        try:
            return function(load, row, proxy, *arguments)
        except measure.LoadError as error:
            say(f"FAILED: {error}")
            samples[row.name][proxy.name].setdefault("failures", []).append(str(error))
            return {}

    for round_number in range(options.rounds):
        for row in rows:
            say(f"round {round_number + 1}/{options.rounds}: {row.title}")
            for proxy in take_part(row, running):
                keep(row, proxy, attempt(row, proxy, measure.throughput, options.seconds))
    for row in (r for r in rows if r.latency):
        rate = latency_rate(samples[row.name])
        say(f"latency at {rate:.0f}/s: {row.title}")
        for _ in range(options.rounds):
            for proxy in take_part(row, running):
                keep(row, proxy, attempt(row, proxy, measure.latency, options.seconds, rate) if rate else {})
                samples[row.name][proxy.name]["latency_rate"] = [rate]
    for row in (rows[:1] if options.quick else rows):
        say(f"system calls and user time: {row.title}")
        for proxy in take_part(row, running):
            for column, function in (("syscalls", measure.syscalls), ("user_us", measure.user_us)):
                value = attempt(row, proxy, function, min(1, options.seconds), folder)
                if isinstance(value, float):
                    keep(row, proxy, {column: value})
    for row in rows:
        for proxy in take_part(row, running):
            figures = samples[row.name][proxy.name]
            samples[row.name][proxy.name] = {column: values if column == "failures" else median(values)
                                             for column, values in figures.items()}
            samples[row.name][proxy.name]["all_cpu_us"] = figures.get("cpu_us", [])
    return samples


def latency_rate(by_proxy):
    """Half of Envoy's saturation; without Envoy a sixth of the best, which is about the same."""
    envoy_rates = by_proxy.get("envoy", {}).get("operations_rate")
    if envoy_rates:
        return median(envoy_rates) / 2
    return max((median(f["operations_rate"]) for f in by_proxy.values() if f.get("operations_rate")), default=0) / 6


def run_startup(options, binaries, upstream, folder):
    """{proxy: {idle clusters: {seconds, rss_kib, private_kib}}}"""
    results = {}
    for extra in (0, 1000, 5000):
        for repeat in range(1 if options.quick or extra == 5000 else 5):
            for name, binary in binaries.items():
                say(f"start with {extra or 'no'} idle clusters: {name}" if repeat == 0 else f"  again: {name}")
                proxy = proxies.Proxy(name, binary, folder, upstream, extra)
                try:
                    seconds = proxy.start()
                    time.sleep(0.3)
                    rss, private = proxy.memory_kib()
                except RuntimeError as error:
                    say(str(error))
                    continue
                finally:
                    proxy.stop()
                results.setdefault(name, {}).setdefault(extra, []).append((seconds, rss, private))
    return {name: {str(extra): dict(zip(("seconds", "rss_kib", "private_kib"), map(median, zip(*values))))
                   for extra, values in by_extra.items()} for name, by_extra in results.items()}


def run_xds(options, binaries, tools, upstream, folder):
    """Pushes of a control plane; the endpoints that change are those of two servers."""
    plane, other = xds.Plane(tools["control_plane"]), proxies.Upstream(str(tools["upstream"]), str(tools["h2_upstream"]))
    try:
        fed = {name: binaries[name] for name in ("outrigger", "envoy") if name in binaries}
        context = xds.Context(plane, (upstream, other), measure.Load(str(tools["load"]), folder), pathlib.Path(folder), fed,
                              4 if options.quick else 3 * options.seconds, say)
        return xds.run(context, options.rounds)
    finally:
        plane.stop()
        other.stop()


def run_policies(options, binaries, tools, folder):
    """On an upstream with many addresses."""
    upstream = proxies.Upstream(str(tools["upstream"]), str(tools["h2_upstream"]), f"hosts={policy_configs.HOSTS}")
    try:
        compared = {name: binaries[name] for name in ("outrigger", "envoy") if name in binaries}
        context = policies.Context(compared, upstream, measure.Load(str(tools["load"]), folder), folder, options.seconds, say)
        return policies.run(context, options.rounds)
    finally:
        upstream.stop()


def main():
    options = parse_arguments()
    tools = {name: pathlib.Path(options.tools) / f"bench_{name}" for name in ("load", "upstream", "h2_upstream", "control_plane")}
    for path in tools.values():
        if not path.exists():
            sys.exit(f"{path} is missing: ./dev build first")
    binaries = find_binaries(options)
    if not binaries:
        sys.exit("no proxy to measure")
    if not shutil.which("wrk"):
        print("wrk is not installed: bench_load makes every load")
    rows = [measure.ROWS[name] for name in options.rows if name in measure.ROWS]
    result = {"rounds": options.rounds, "seconds": options.seconds, "proxies": list(binaries),
              "load_average": os.getloadavg()[0]}
    with tempfile.TemporaryDirectory(prefix="outrigger-bench-") as folder:
        os.chmod(folder, 0o755)
        upstream, running = proxies.Upstream(str(tools["upstream"]), str(tools["h2_upstream"])), []
        try:
            if rows:
                running = start_all(binaries, folder, upstream, rows)
                time.sleep(0.5)
                plain = [p for p in running if p.part == ""]
                result["idle"] = {p.name: dict(zip(("rss_kib", "private_kib"), p.memory_kib())) for p in plain}
                result["rows"] = run_rows(options, rows, running, measure.Load(str(tools["load"]), folder), folder)
                result["loaded"] = {p.name: dict(zip(("rss_kib", "private_kib"), p.memory_kib())) for p in plain}
            for proxy in running:
                proxy.stop()
            if "rest" in options.rows:
                result["rest"] = rest.run(binaries, upstream, folder, 200 if options.quick else 1000, say)
            if "startup" in options.rows:
                result["startup"] = run_startup(options, binaries, upstream, folder)
            if "xds" in options.rows:
                result["xds"] = run_xds(options, binaries, tools, upstream, folder)
            if "policies" in options.rows:
                result["policies"] = run_policies(options, binaries, tools, folder)
        finally:
            for proxy in running:
                proxy.stop()
            upstream.stop()
    result["targets"] = report.targets(result)
    output = pathlib.Path(options.output)
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(result, indent=1) + "\n")
    print(report.table(result))
    print(f"\n{output}")


BEGAN = time.monotonic()
if __name__ == "__main__":
    main()
