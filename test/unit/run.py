"""Runs the unit tests, a part per core at once, and prints what failed and the counts of test cases."""
import os
import subprocess
import sys
import xml.etree.ElementTree as ET

STDERR_SHOWN = 20000  # bytes, of a part that ended early


def escaped(name):
    """As Catch2 reads it in a file of names."""
    return "".join("\\" + c if c in "\\,[" else c for c in name)


def start(binary, index, names):
    base = f"{binary}.{index}"
    with open(f"{base}.names", "w", encoding="utf-8") as f:
        f.writelines(escaped(name) + "\n" for name in names)
    with open(f"{base}.xml", "wb") as out, open(f"{base}.err", "wb") as err:
        return subprocess.Popen([binary, "-f", f"{base}.names", "-r", "xml"], stdout=out, stderr=err), base


def show(case):
    print("FAILED:", case.get("name"))
    for x in case.iter("Expression"):
        if x.get("success") == "false":
            print(f"  {x.get('filename')}:{x.get('line')}: {x.findtext('Original').strip()}")
            print(f"    {x.findtext('Expanded').strip()[:2000]}")
    for x in case.iter("Exception"):
        print("  exception:", (x.text or "").strip()[:2000])


def result(base, status, expected):
    """(passed, failed) of a part."""
    try:
        cases = list(ET.parse(f"{base}.xml").getroot().iter("TestCase"))
    except ET.ParseError as e:
        print(f"the test binary stopped early (exit {status}): {e}")
        with open(f"{base}.err", "rb") as f:
            print(f.read()[-STDERR_SHOWN:].decode(errors="replace"))
        return 0, 1
    bad = [case for case in cases if case.find("OverallResult").get("success") != "true"]
    for case in bad:
        show(case)
    failed = len(bad)
    if len(cases) != expected:
        print(f"{expected} test cases were asked for, {len(cases)} ran")
        failed += 1
    if status != 0 and failed == 0:
        print(f"the test binary exited with {status}")
        failed = 1
    return len(cases) - len(bad), failed


def main():
    binary = sys.argv[1]
    # (Catch2's exit status here is the count of names.)
    listed = subprocess.run([binary, "--list-test-names-only"], capture_output=True, text=True, check=False).stdout
    names = [name for name in listed.split("\n") if name]
    count = min(os.cpu_count() or 1, 8)
    parts = [names[i::count] for i in range(count)]
    running = [(*start(binary, i, part), len(part)) for i, part in enumerate(parts) if part]
    totals = [result(base, process.wait(), expected) for process, base, expected in running]
    passed, failed = (sum(column) for column in zip(*totals)) if totals else (0, 1)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
