"""Every bad config of the differential suite: the error names the file, the line, the column, the path and what was expected."""
import pathlib
import re
import subprocess
import sys

DIFFERENTIAL = pathlib.Path(__file__).resolve().parents[1] / "differential"
sys.path.insert(0, str(DIFFERENTIAL))
from harness import dsl  # noqa: E402

MARK = "@@"


def bad_configs():
    dsl.area("validate")
    sys.path.insert(0, str(DIFFERENTIAL / "scenarios"))
    import validate
    return validate.BAD


def places(text):
    """Line and columns, counted from 1: the mark's, and when a field stands there that of its value."""
    before, _, after = text.partition(MARK)
    column = len(before) - before.rfind("\n")
    name = re.match(r'[\w"]+: +', after)
    return [f"{before.count(chr(10)) + 1}:{c}" for c in (column, column + (name.end() if name else 0))]


def validate(binary, path, *flags):
    p = subprocess.run([binary, "--mode", "validate", "-c", str(path), *flags], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                       timeout=60)
    return p.returncode, p.stdout.decode()


def check(binary, folder, name, entry):
    """None, or what is wrong."""
    text, path, words, *lines = entry
    file = folder / f"{name}.yaml"
    file.write_text(text.replace(MARK, "").replace("{{dir}}", str(folder)))
    code, said = validate(binary, file)
    if code != 1:
        return f"exit {code}: {said}"
    errors = [x for x in said.splitlines() if re.match(re.escape(str(file)) + r":\d+:\d+: error: ", x)]
    if MARK in text:
        wanted = [f"{file}:{place}: error: {path + ': ' if path else ''}" for place in places(text)]
        found = [x for x in errors for w in wanted if x.startswith(w) and words in x[len(w):] and len(x) > len(w) + 5]
    else:
        wanted = f"{file}:{lines[0]}:"
        found = [x for x in errors if x.startswith(wanted) and words in x]
    return None if found else f"wanted {wanted} ...{words}... but it says:\n{said}"


def each_bad_config_names_its_place(binary, folder):
    wrong = {name: told for name, entry in bad_configs().items() if (told := check(binary, folder, name, entry))}
    assert not wrong, "\n".join(f"{name}: {told}" for name, told in wrong.items())


def all_errors_of_a_config_are_told_at_once(binary, folder):
    file = folder / "many.yaml"
    file.write_text("node: {idd: a}\nstatic_resources:\n  clusters:\n  - {name: c, connect_timeout: 0s}\n  - {name: c}\n"
                    "  - {name: d, lb_policy: NOPE}\n  - {}\n")
    code, said = validate(binary, file)
    assert code == 1
    told = {int(m[1]) for m in re.finditer(re.escape(str(file)) + r":(\d+):\d+: error: ", said)}
    assert told == {1, 4, 5, 6, 7}, said


def a_misspelt_field_gets_a_suggestion(binary, folder):
    file = folder / "typo.yaml"
    file.write_text("static_resources:\n  clusters:\n  - {name: c, conect_timeout: 1s}\n")
    code, said = validate(binary, file)
    assert code == 1
    assert f"{file}:3:15: error: static_resources.clusters[0].conect_timeout: " in said and "connect_timeout" in said.split("conect_timeout: ")[1], said


def what_is_known_and_not_implemented_is_told_as_such(binary, folder):
    for text, path in (("fatal_actions: []", "fatal_actions"),
                       ("static_resources:\n  clusters: [{name: c, upstream_config: {}}]", "static_resources.clusters[0].upstream_config")):
        file = folder / "known.yaml"
        file.write_text(text)
        code, said = validate(binary, file)
        assert code == 1
        line = next(x for x in said.splitlines() if f" error: {path}: " in x)
        assert line.startswith(f"{file}:") and "known to Envoy" in line, said


def a_start_fails_with_the_same_words(binary, folder):
    file = folder / "bad.yaml"
    file.write_text("node: {id: a}\nnope: 1\n")
    p = subprocess.run([binary, "-c", str(file)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
    assert p.returncode == 1
    assert f"{file}:2:1: error: nope: " in p.stdout.decode(), p.stdout.decode()


def a_port_that_is_taken_is_named(binary, folder):
    import socket
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        port = s.getsockname()[1]
        file = folder / "taken.yaml"
        file.write_text("static_resources:\n  listeners:\n  - {name: web, address: {socket_address: {address: 127.0.0.1, port_value: %d}}, "
                        "filter_chains: [{}]}\n" % port)
        p = subprocess.run([binary, "-c", str(file)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
    said = p.stdout.decode()
    assert p.returncode == 1
    assert "web" in said and f"127.0.0.1:{port}" in said, said


TESTS = [each_bad_config_names_its_place, all_errors_of_a_config_are_told_at_once, a_misspelt_field_gets_a_suggestion,
         what_is_known_and_not_implemented_is_told_as_such, a_start_fails_with_the_same_words, a_port_that_is_taken_is_named]
