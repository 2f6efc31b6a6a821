"""The table and targets of bench/policies.py."""
import policies
import report

BUSY = 0.9       # of the core, in each run: else what is added hides in the waiting
SMALLEST = 0.02  # of what a request costs without the policy: below nothing can be said of what is added


def measurable(figures):
    """What is added is more than the rounds differ in it."""
    added, plain, every = (figures.get(column) for column in ("added_us", "plain_us", "all_added_us"))
    return added is not None and added > SMALLEST * plain and added > max(every) - min(every)


def ratio(by_proxy, column):
    ours, theirs = (by_proxy.get(name) for name in ("outrigger", "envoy"))
    if not ours or not theirs or (column == "added_us" and not measurable(theirs)):
        return None
    return ours[column] / theirs[column]


def targets(found):
    out = []
    for name, by_proxy in found.items():
        policy = policies.POLICIES[name]
        what, column = ("all CPU", "policy_us") if policy.total else ("added CPU", "added_us")
        out.append(report.target(f"{what}, {policy.title} / Envoy's", ratio(by_proxy, column), policy.most, "x"))
    return out


def note(figures):
    """On a proxy that waited for the load."""
    busy = min(figures[f"{port}_us"] * figures[f"{port}_rate"] / 1e6 for port in ("plain", "policy"))
    return "" if busy >= BUSY else f" (busy {busy * 100:.0f} %)"


def lines_of(policy, by_proxy):
    lines = [[policy.title, "", "", "", "", "", "", ""]]
    for name, f in by_proxy.items():
        ours = name == "outrigger"
        both = [report.cell(ratio(by_proxy, column), 2) if ours else "" for column in ("added_us", "policy_us")]
        memory = f.get("more_kib")
        figures = (report.cell(f[column], 2) for column in ("plain_us", "policy_us", "added_us"))
        rounds = " ".join(report.cell(x, 2) for x in f["all_added_us"])
        lines.append([f"  {name}{note(f)}", *figures, rounds, *both, "" if memory is None else f"{memory:.2f} per {policy.more}"])
    return lines


def table(found):
    lines = [["policies: CPU µs/op; private KiB", "plain", "with it", "it adds", "in each round", "adds x Envoy's",
              "all x Envoy's", "KiB"]]
    for name, by_proxy in found.items():
        lines += lines_of(policies.POLICIES[name], by_proxy)
    return report.columns(lines)
