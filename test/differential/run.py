#!/usr/bin/env python3
"""The differential suite: scenarios run on a proxy, compared with what real Envoy 1.40 did.

  run.py --binary build/release/outrigger [--filter RE] [--jobs N] [--slow-factor F]
  run.py --record [--envoy PATH] [--filter RE]     record the outcomes anew from Envoy
  run.py --list
"""
import argparse
import asyncio
import difflib
import importlib.util
import json
import os
import pathlib
import re
import shutil
import sys
import tempfile
import time

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from harness import dsl  # noqa: E402
from harness.certs import Authority  # noqa: E402
from harness.proxy import Proxy, StartFailed  # noqa: E402
from harness.run import Run, compact, validate  # noqa: E402

GROUP = 16


def load():
    for path in sorted((HERE / "scenarios").glob("*.py")):
        dsl.area(path.stem)
        spec = importlib.util.spec_from_file_location("scenarios_" + path.stem, path)
        spec.loader.exec_module(importlib.util.module_from_spec(spec))
    return dsl.SCENARIOS


def recordings():
    return {p.stem: json.loads(p.read_text()) for p in (HERE / "recorded").glob("*.json")}


class Suite:
    def __init__(self, args, scenarios):
        self.args, self.scenarios = args, scenarios
        self.recorded = {} if args.record else recordings()
        self.results = {}
        self.errors = {}
        self.seconds = {}
        self.folder = tempfile.mkdtemp(prefix="differential-")
        self.authority = Authority(os.path.join(self.folder, "certs"))
        self.processes = 0
        self.is_envoy = "envoy" in os.path.basename(args.binary)

    def expected(self, scenario):
        out = self.recorded.get(scenario.area, {}).get(scenario.name)
        if out is not None and scenario.outrigger and not self.is_envoy:
            out = {k: v for k, v in {**out, **scenario.outrigger}.items() if v is not None}
        return out

    def groups(self):
        """Scenarios of an area share a process, save those that ask for one of their own."""
        by_area = {}
        for s in self.scenarios:
            by_area.setdefault(s.area, []).append(s)
        for members in by_area.values():
            for s in members:
                if s.own or s.kind == "validate":
                    yield [s]
            shared = [s for s in members if not s.own and s.kind != "validate"]
            for i in range(0, len(shared), GROUP):
                yield shared[i:i + GROUP]

    async def run_all(self):
        limit = asyncio.Semaphore(self.args.jobs)

        async def one(group):
            async with limit:
                await self.run_group(group)

        await asyncio.gather(*(one(g) for g in self.groups()))

    async def run_group(self, group):
        if group[0].kind == "validate":
            s = group[0]
            self.finish(s, await validate(self.args.binary, s, self.folder, self.args.slow_factor, self.authority))
            return
        todo = list(group)
        while todo:
            self.processes += 1
            folder = os.path.join(self.folder, f"{self.processes:03}-{todo[0].area}")
            runs = [Run(s, folder, self.args.slow_factor, self.authority) for s in todo]
            proxy = Proxy(self.args.binary, folder, self.args.slow_factor)
            try:
                for run in runs:
                    await run.prepare()
                await proxy.start(runs)
            except StartFailed as e:
                await proxy.stop()
                for run in runs:
                    await run.stop()
                if len(todo) == 1:
                    self.fail(todo[0], f"the proxy didn't start: {e}")
                    return
                middle = len(todo) // 2
                await self.run_group(todo[:middle])
                await self.run_group(todo[middle:])
                return
            todo = await self.run_on(proxy, runs)

    async def run_on(self, proxy, runs):
        """Runs the scenarios on a started proxy; returns those left over when it died."""
        left = list(runs)
        while left:
            run = left.pop(0)
            await run.start()
            began = time.monotonic()
            try:
                outcome = await asyncio.wait_for(
                    run.outcome(proxy, self.expected(run.scenario)), 60 * self.args.slow_factor)
            except Exception as e:  # a failed scenario must not take the others with it
                self.fail(run.scenario, f"{type(e).__name__}: {e}")
            else:
                self.seconds[run.scenario.name] = time.monotonic() - began
                if proxy.alive or run.scenario.own:
                    self.finish(run.scenario, outcome)
                else:
                    self.fail(run.scenario, "the proxy died\n" + proxy.error_text())
            finally:
                await run.stop()
            if not proxy.alive:
                break
        for run in left:
            await run.stop()
        problem = await proxy.stop()
        if problem and left == []:
            self.errors["process with " + runs[0].scenario.name] = problem
        return [run.scenario for run in left]

    def fail(self, scenario, text):
        self.report(scenario, False, text)

    def finish(self, scenario, outcome):
        # Through JSON, so that both sides have the same types.
        outcome = compact(json.loads(json.dumps(outcome)))
        if self.args.record:
            self.recorded.setdefault(scenario.area, {})[scenario.name] = outcome
            self.report(scenario, True, "")
            return
        expected = self.expected(scenario)
        if expected is None:
            self.report(scenario, False, "no recording: run.py --record --filter " + scenario.name)
            return
        got, want = dict(outcome), dict(expected)
        if scenario.kind == "validate":
            got.pop("says", None), want.pop("says", None)
        same = got == want
        self.report(scenario, same, "" if same else diff(want, got))

    def report(self, scenario, passed, text):
        self.results[scenario.name] = passed
        if not passed or self.args.verbose:
            print(f"{'PASS' if passed else 'FAIL'} {scenario.area}/{scenario.name}"
                  f"{self.seconds.get(scenario.name, 0):8.2f} s", flush=True)
        if text:
            print("    " + text.rstrip().replace("\n", "\n    "), flush=True)

    def save(self):
        for name, outcomes in self.recorded.items():
            path = HERE / "recorded" / f"{name}.json"
            old = json.loads(path.read_text()) if path.exists() else {}
            known = {s.name for s in dsl.SCENARIOS if s.area == name}
            merged = {k: v for k, v in {**old, **outcomes}.items() if k in known}
            path.write_text(json.dumps(dict(sorted(merged.items())), indent=1, sort_keys=True) + "\n")


def lines(node):
    return json.dumps(node, indent=1, sort_keys=True).splitlines()


def diff(want, got):
    out = difflib.unified_diff(lines(want), lines(got), "Envoy", "this proxy", n=2, lineterm="")
    return "\n".join(list(out)[:60])


AGAIN_MAX = 12


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary")
    parser.add_argument("--filter", default="")
    # Scenarios mostly wait: several share a core.
    parser.add_argument("--jobs", type=int, default=3 * (os.cpu_count() or 1))
    parser.add_argument("--slow-factor", type=float, default=1.0)
    parser.add_argument("--record", action="store_true")
    parser.add_argument("--envoy", default=shutil.which("envoy"))
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--verbose", "-v", action="store_true")
    parser.add_argument("--keep", action="store_true", help="keep the bootstraps and logs")
    args = parser.parse_args()
    scenarios = [s for s in load() if re.search(args.filter, f"{s.area}/{s.name}")]
    if args.list:
        for s in scenarios:
            print(f"{s.area}/{s.name}")
        print(f"{len(scenarios)} scenarios")
        return 0
    if args.record:
        args.binary = args.envoy
    if not args.binary:
        parser.error("--binary (or with --record: --envoy) is needed")
    args.binary = os.path.abspath(args.binary)
    began = time.monotonic()
    suite = Suite(args, scenarios)
    try:
        asyncio.run(suite.run_all())
    finally:
        if args.keep:
            print(f"kept {suite.folder}")
        else:
            shutil.rmtree(suite.folder, ignore_errors=True)
    if args.record:
        suite.save()
    # Many scenarios race with a clock: on a busy machine one may differ once. By itself it must agree, and is named.
    known = set((HERE / "open.txt").read_text().split())
    again = [s for s in scenarios if suite.results.get(s.name) is False and s.name not in known][:AGAIN_MAX]
    if again and not args.record and not suite.errors and len(again) < len(scenarios):
        print("again, by themselves: " + " ".join(s.name for s in again))
        args.jobs = 1
        second = Suite(args, again)
        try:
            asyncio.run(second.run_all())
        finally:
            shutil.rmtree(second.folder, ignore_errors=True)
        unsteady = [name for name, good in second.results.items() if good]
        suite.results.update({name: True for name in unsteady})
        if unsteady:
            print("unsteady, agreed the second time: " + " ".join(unsteady))
    for name, text in suite.errors.items():
        print(f"FAIL {name}: the process's end\n    " + text.replace("\n", "\n    "))
    # Scenarios that are known to differ still: named, counted, and to be taken off once they agree.
    differ = {n for n, good in suite.results.items() if not good}
    failed = differ - known
    agree = sorted(known & set(suite.results) - differ)
    if failed:
        print("failed: " + " ".join(sorted(failed)))
    if agree:
        print("agree by now, take them off open.txt: " + " ".join(agree))
    if differ & known:
        print(f"{len(differ & known)} scenarios differ from Envoy and are listed in open.txt")
    print(f"{time.monotonic() - began:.1f} s")
    bad = len(failed) + len(suite.errors)
    print(f"{len(suite.results) - len(differ)} passed, {bad} failed")
    return 1 if bad or not suite.results else 0


if __name__ == "__main__":
    sys.exit(main())
