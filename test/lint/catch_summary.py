"""Prints failed test cases of a Catch2 XML report and the counts of test cases."""
import sys
import xml.etree.ElementTree as ET

path, status = sys.argv[1], int(sys.argv[2])
try:
    cases = list(ET.parse(path).getroot().iter("TestCase"))
except ET.ParseError as e:
    print(f"the test binary stopped early (exit {status}): {e}")
    sys.exit(1)
failed = 0
for case in cases:
    if case.find("OverallResult").get("success") == "true":
        continue
    failed += 1
    print("FAILED:", case.get("name"))
    for x in case.iter("Expression"):
        if x.get("success") == "false":
            print(f"  {x.get('filename')}:{x.get('line')}: {x.findtext('Original').strip()}")
            print(f"    {x.findtext('Expanded').strip()[:2000]}")
    for x in case.iter("Exception"):
        print("  exception:", (x.text or "").strip()[:2000])
if status != 0 and failed == 0:
    failed = 1
    print(f"the test binary exited with {status}")
print(f"{len(cases) - failed} passed, {failed} failed")
sys.exit(1 if failed else 0)
