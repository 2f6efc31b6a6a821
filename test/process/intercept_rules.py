"""What outrigger-iptables prints: the rules of Istio and of Polaris for equal requests, each option's share, each mistake's
words."""
import pathlib
import shutil
import subprocess

from namespaces import Skipped

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "deploy/intercept/outrigger-iptables"


def run(*arguments):
    return subprocess.run([SCRIPT, *arguments], capture_output=True, text=True)


def printed(*arguments, table="nat", family=4):
    """The rules of one table, without -A and the prefix of our chains."""
    done = run("--dry-run", "--ipv6", "on" if family == 6 else "off", *arguments)
    assert done.returncode == 0, done.stderr
    text = done.stdout.split("# ip6tables-restore")[1 if family == 6 else 0]
    tables = dict(part.split("\n", 1) for part in text.split("*")[1:])
    return [line.removeprefix("-A ").replace("OUTRIGGER_", "") for line in tables.get(table, "").split("COMMIT")[0].splitlines()
            if line.startswith("-A ")]


def inbound(*ports):
    return [f"INBOUND -p tcp --dport {p} -j RETURN" for p in ports]


def owners(kind, loopback="127.0.0.1/32"):
    return [f"OUTPUT -o lo ! -d {loopback} -p tcp ! --dport 15008 -m owner --{kind}-owner 1337 -j IN_REDIRECT",
            f"OUTPUT -o lo -m owner ! --{kind}-owner 1337 -j RETURN",
            f"OUTPUT -m owner --{kind}-owner 1337 -j RETURN"]


def redirect(inbound_rules, outbound_rules, loopback="127.0.0.1/32", own="127.0.0.6/32"):
    return ["REDIRECT -p tcp -j REDIRECT --to-ports 15001", "IN_REDIRECT -p tcp -j REDIRECT --to-ports 15006", *inbound_rules,
            f"OUTPUT -o lo -s {own} -j RETURN", *owners("uid", loopback), *owners("gid", loopback),
            f"OUTPUT -d {loopback} -j RETURN", *outbound_rules,
            "PREROUTING -p tcp -j INBOUND", "OUTPUT -p tcp -j OUTPUT"]


ISTIO_INBOUND = [*inbound(15008, 15090, 15021, 15020), "INBOUND -p tcp -j IN_REDIRECT"]


def the_rules_of_istio():
    """istio-iptables -p 15001 -z 15006 -u 1337 -m REDIRECT -i * -x "" -b * -d 15090,15021,15020."""
    want = redirect(ISTIO_INBOUND, ["OUTPUT -j REDIRECT"])
    got = printed("--inbound-exclude-ports", "15090,15021,15020")
    assert got == want, "\n".join(["", *got])


def the_rules_of_istio_for_ipv6():
    want = redirect(ISTIO_INBOUND, ["OUTPUT -j REDIRECT"], "::1/128", "::6/128")
    got = printed("--inbound-exclude-ports", "15090,15021,15020", family=6)
    assert got == want, "\n".join(["", *got])


def the_rules_of_istio_with_tproxy():
    got = printed("--mode", "tproxy", "--inbound-exclude-ports", "22", table="mangle")
    want = ["DIVERT -j MARK --set-mark 1337", "DIVERT -j ACCEPT",
            "TPROXY ! -d 127.0.0.1/32 -p tcp -j TPROXY --tproxy-mark 1337/0xffffffff --on-port 15006",
            "INBOUND -p tcp -m mark --mark 1337 -j CONNMARK --save-mark", "INBOUND -p tcp -m mark --mark 1337 -j RETURN",
            "INBOUND -p tcp -s 127.0.0.6/32 -i lo -j RETURN", "INBOUND -p tcp -i lo -m mark ! --mark 1338 -j RETURN",
            *inbound(15008, 22),
            "INBOUND -p tcp -m conntrack --ctstate RELATED,ESTABLISHED -j DIVERT", "INBOUND -p tcp -j TPROXY",
            "MARK -p tcp -o lo -m mark --mark 1337 -j RETURN",
            "MARK ! -d 127.0.0.1/32 -p tcp -o lo -m owner --uid-owner 1337 -j MARK --set-mark 1338",
            "MARK ! -d 127.0.0.1/32 -p tcp -o lo -m owner --gid-owner 1337 -j MARK --set-mark 1338",
            "MARK -p tcp -m connmark --mark 1337 -j CONNMARK --restore-mark",
            "PREROUTING -p tcp -j INBOUND", "OUTPUT -p tcp -j MARK"]
    assert got == want, "\n".join(["", *got])
    nat = printed("--mode", "tproxy", "--inbound-exclude-ports", "22")
    assert not [r for r in nat if r.startswith(("INBOUND", "PREROUTING"))], "inbound connections keep their addresses"
    text = run("--dry-run", "--ipv6", "off", "--mode", "tproxy").stdout
    assert "# ip -4 rule add fwmark 1337 lookup 133\n" in text
    assert "# ip -4 route replace local default dev lo table 133\n" in text


def the_rules_of_polaris():
    """Mesh mode: everything inbound but four ports, outbound only the address that its DNS answers."""
    got = printed("--inbound-exclude-ports", "15985,50000,15053", "--outbound-cidrs", "10.4.4.4/32", "--dns-port", "15053")
    want = redirect([*inbound(15008, 15985, 50000, 15053), "INBOUND -p tcp -j IN_REDIRECT"],
                    ["OUTPUT -d 10.4.4.4/32 -j REDIRECT", "OUTPUT -j RETURN"])
    dns = ["DNS -m owner --uid-owner 1337 -j RETURN", "DNS -m owner --gid-owner 1337 -j RETURN",
           "DNS -p udp -j REDIRECT --to-ports 15053", "DNS -p tcp -j REDIRECT --to-ports 15053"]
    jump = "OUTPUT -p udp --dport 53 -j DNS"
    first = "OUTPUT -p tcp --dport 53 -j DNS"
    assert [r for r in got if r not in (*dns, jump, first)] == want, "\n".join(["", *got])
    assert [r for r in got if r in dns] == dns and jump in got
    assert got.index(first) < got.index("OUTPUT -o lo -s 127.0.0.6/32 -j RETURN"), "resolvers on the loopback count too"


# What an option adds to the rules of an empty call, and what it takes away.
OPTIONS = [
    (["--outbound-port", "16001"], ["REDIRECT -p tcp -j REDIRECT --to-ports 16001"],
     ["REDIRECT -p tcp -j REDIRECT --to-ports 15001"]),
    (["--inbound-port=16006"], ["IN_REDIRECT -p tcp -j REDIRECT --to-ports 16006"],
     ["IN_REDIRECT -p tcp -j REDIRECT --to-ports 15006"]),
    (["--inbound-ports", "80,443"], ["INBOUND -p tcp --dport 80 -j IN_REDIRECT", "INBOUND -p tcp --dport 443 -j IN_REDIRECT"],
     ["INBOUND -p tcp -j IN_REDIRECT"]),
    (["--inbound-ports", ""], [], ["INBOUND -p tcp -j IN_REDIRECT"]),
    (["--inbound-exclude-ports", ""], [], inbound(15020, 15021, 15090)),
    (["--inbound-cidrs", "10.0.0.0/8,fd00::/8"], ["INBOUND -s 10.0.0.0/8 -p tcp -j IN_REDIRECT"],
     ["INBOUND -p tcp -j IN_REDIRECT"]),
    (["--inbound-exclude-cidrs", "10.9.0.0/16,10.8.0.1"], ["INBOUND -s 10.9.0.0/16 -j RETURN", "INBOUND -s 10.8.0.1 -j RETURN"],
     []),
    (["--outbound-exclude-ports", "22,3306"], ["OUTPUT -p tcp --dport 22 -j RETURN", "OUTPUT -p tcp --dport 3306 -j RETURN"], []),
    (["--outbound-exclude-cidrs", "169.254.169.254"], ["OUTPUT -d 169.254.169.254 -j RETURN"], []),
    (["--outbound-cidrs", "10.0.0.0/8,fd00::/8"], ["OUTPUT -d 10.0.0.0/8 -j REDIRECT", "OUTPUT -j RETURN"],
     ["OUTPUT -j REDIRECT"]),
    (["--outbound-cidrs", "", "--outbound-ports", "80"], ["OUTPUT -p tcp --dport 80 -j REDIRECT", "OUTPUT -j RETURN"],
     ["OUTPUT -j REDIRECT"]),
    (["--exclude-interfaces", "docker0"], ["INBOUND -i docker0 -j RETURN", "OUTPUT -o docker0 -j RETURN"], []),
]


def each_option_has_its_rules():
    plain = printed()
    for arguments, added, removed in OPTIONS:
        got = printed(*arguments)
        assert sorted(set(got) - set(plain)) == sorted(added), f"{arguments}: {sorted(set(got) - set(plain))}"
        assert sorted(set(plain) - set(got)) == sorted(removed), f"{arguments}: {sorted(set(plain) - set(got))}"


def exclusions_come_before_what_they_exclude():
    rules = printed("--inbound-exclude-ports", "1", "--inbound-exclude-cidrs", "10.0.0.1", "--outbound-exclude-ports", "2",
                    "--outbound-exclude-cidrs", "10.0.0.2", "--outbound-ports", "3")
    taken = [rules.index("INBOUND -p tcp -j IN_REDIRECT"), rules.index("OUTPUT -p tcp --dport 3 -j REDIRECT")]
    for excluded, at in (("INBOUND -p tcp --dport 1 -j RETURN", 0), ("INBOUND -s 10.0.0.1 -j RETURN", 0),
                         ("OUTPUT -p tcp --dport 2 -j RETURN", 1), ("OUTPUT -d 10.0.0.2 -j RETURN", 1)):
        assert rules.index(excluded) < taken[at], excluded
    assert rules.index("OUTPUT -p tcp --dport 2 -j RETURN") < rules.index(owners("uid")[0]), "calls to itself too"


# A mistake, and what is said of it: the option, what is wrong, what to do.
MISTAKES = [
    (["--mode", "nat"], "--mode: 'nat' is none of: redirect tproxy"),
    (["--inbound-port", "0"], "--inbound-port: '0' is not a port; give a number from 1 to 65535"),
    (["--inbound-ports", "80,http"], "--inbound-ports: 'http' is not a port; give a number from 1 to 65535"),
    (["--inbound-ports", "80,*"], "--inbound-ports: '*' is not a port; give a number from 1 to 65535"),
    (["--inbound-exclude-ports", "*"], "'*' in a list of exclusions: leave that direction empty instead"),
    (["--outbound-cidrs", "10.0.0.300/8"], "--outbound-cidrs: '10.0.0.300/8' is neither an address nor a CIDR; write for"),
    (["--outbound-cidrs", "10.0.0.0/33"], "'10.0.0.0/33' is neither"),
    (["--outbound-cidrs", "fd00::/129"], "'fd00::/129' is neither"),
    (["--outbound-cidrs", "fd00:1:2"], "'fd00:1:2' is neither"),
    (["--inbound-cidrs", "example.com"], "'example.com' is neither"),
    (["--uid", "proxy"], "--uid: 'proxy' is not a numeric id; `id NAME` tells it"),
    (["--gid", ""], "--gid: empty; name at least the proxy's own"),
    (["--exclude-interfaces", "a b;c"], "--exclude-interfaces: 'b;c' is not the name of an interface"),
    (["--inbound-port", "15001"], "--outbound-port and --inbound-port are both 15001; they need two"),
    (["--tproxy-mark", "1338"], "--tproxy-mark: 1338 is taken"),
    (["--dns-port"], "--dns-port needs a value"),
    (["--prots", "1"], "--prots: no such option; --help lists them"),
    (["remove"], "'remove': neither a command (install, clean) nor an option"),
]


def each_mistake_is_told_and_nothing_is_printed():
    for arguments, words in MISTAKES:
        done = run("--dry-run", *arguments)
        assert done.returncode == 2 and not done.stdout, f"{arguments}: exit {done.returncode}, {done.stdout!r}"
        assert done.stderr.startswith("outrigger-iptables: ") and words in done.stderr, f"{arguments}: {done.stderr}"


def addresses_of_both_families_are_understood():
    for cidr in ("::/0", "::1", "fd00::/8", "2001:db8:1:2:3:4:5:6", "::ffff:10.0.0.1", "1::", "10.0.0.1", "0.0.0.0/0"):
        done = run("--dry-run", "--ipv6", "on", "--outbound-exclude-cidrs", cidr)
        assert done.returncode == 0, done.stderr
        assert f"-A OUTRIGGER_OUTPUT -d {cidr} -j RETURN\n" in done.stdout, cidr


def the_script_is_clean_by_shellcheck():
    if shutil.which("shellcheck") is None:
        raise Skipped("shellcheck is not installed")
    done = subprocess.run(["shellcheck", SCRIPT], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def of_script(test):
    def call(_binary, _folder):
        test()
    call.__name__ = "interception_" + test.__name__
    return call


TESTS = [of_script(t) for t in (the_rules_of_istio, the_rules_of_istio_for_ipv6, the_rules_of_istio_with_tproxy,
                                the_rules_of_polaris, each_option_has_its_rules, exclusions_come_before_what_they_exclude,
                                each_mistake_is_told_and_nothing_is_printed, addresses_of_both_families_are_understood,
                                the_script_is_clean_by_shellcheck)]
