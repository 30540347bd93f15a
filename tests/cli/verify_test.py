#!/usr/bin/env python3
"""verify as a pipeline sees it: exit codes, one line where nothing can be judged, and reports that
other programs can read.

  verify_test.py NATLENS
"""
import json
import os
import pathlib
import re
import struct
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as xml

NATLENS = pathlib.Path(sys.argv[1]).resolve()
SCHEMA = {  # what SARIF 2.1.0 asks of the parts that are written
    "type": "object",
    "required": ["version", "runs"],
    "properties": {
        "version": {"const": "2.1.0"},
        "runs": {"type": "array", "minItems": 1, "items": {
            "type": "object",
            "required": ["tool", "results"],
            "properties": {
                "tool": {"type": "object", "required": ["driver"], "properties": {"driver": {
                    "type": "object", "required": ["name"],
                    "properties": {"rules": {"type": "array", "uniqueItems": True,
                                             "items": {"type": "object", "required": ["id"]}}}}}},
                "results": {"type": "array", "items": {
                    "type": "object",
                    "required": ["message"],
                    "properties": {
                        "ruleId": {"type": "string"},
                        "ruleIndex": {"type": "integer", "minimum": 0},
                        "level": {"enum": ["none", "note", "warning", "error"]},
                        "kind": {"enum": ["notApplicable", "pass", "fail", "review", "open",
                                          "informational"]},
                        "message": {"type": "object", "required": ["text"]},
                        "locations": {"type": "array", "items": {
                            "type": "object", "properties": {"physicalLocation": {
                                "type": "object", "required": ["artifactLocation"],
                                "properties": {"region": {"type": "object", "properties": {
                                    "startLine": {"type": "integer", "minimum": 1}}}}}}}},
                        "partialFingerprints": {"type": "object", "additionalProperties": {
                            "type": "string"}}}}}}}}}}


def captures():
    for root in (os.environ.get("NATLENS_DATA"), pathlib.Path(__file__).parents[2] / ".." / "shared",
                 NATLENS.parent / "data"):
        if root and (pathlib.Path(root) / "captures").is_dir():
            return pathlib.Path(root) / "captures"
    print("NOT RUN: verify of captures: no folder 'captures' (set NATLENS_DATA)")
    sys.exit(0)


def run(code, *arguments, **more):
    environment = {k: v for k, v in os.environ.items() if k != "GITHUB_ACTIONS"}
    done = subprocess.run([NATLENS, "verify", *map(str, arguments)], capture_output=True, text=True,
                          env=environment, check=False, **more)
    assert done.returncode == code, f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


def one_line(done):
    lines = [line for line in done.stderr.splitlines() if "warning:" not in line]
    assert len(lines) == 1, done.stderr
    return lines[0]


def read_tap(text):
    lines = text.splitlines()
    assert lines[0] == "TAP version 14", lines[0]
    plan = re.fullmatch(r"1\.\.(\d+)", lines[1])
    points, inside = [], False
    for line in lines[2:]:
        if inside:
            assert line.startswith("  "), line
            inside = line != "  ..."
        elif line == "  ---":
            inside = True
        elif not line.startswith("  #"):
            point = re.fullmatch(r"(not )?ok (\d+) - (.*?)( # (SKIP|TODO) .*)?", line)
            assert point, line
            points.append((point.group(3), point.group(1) is None, point.group(5)))
            assert int(point.group(2)) == len(points)
    assert not inside and len(points) == int(plan.group(1))
    return points


def read_junit(path):
    root = xml.parse(path).getroot()
    assert root.tag == "testsuites"
    total = {"tests": 0, "failures": 0, "skipped": 0, "errors": 0}
    kinds = {"failures": "failure", "skipped": "skipped", "errors": "error"}
    for suite in root:
        assert suite.tag == "testsuite" and suite.get("name")
        cases = suite.findall("testcase")
        assert int(suite.get("tests")) == len(cases)
        total["tests"] += len(cases)
        for name, tag in kinds.items():
            count = sum(case.find(tag) is not None for case in cases)
            assert int(suite.get(name)) == count
            total[name] += count
        assert all(case.get("name") and case.get("classname") for case in cases)
    for name, count in total.items():
        assert int(root.get(name)) == count, name
    return total


def check_formats(folder, scratch):
    rules = scratch / "rules.nft"
    rules.write_text((folder / "rules.nft").read_text().replace("8080 dnat to 10.77.3.20:80",
                                                                "8080 dnat to 10.77.3.21:80"))
    database = scratch / "nat.db"
    subprocess.run([NATLENS, "analyze", folder / "lan.pcap", folder / "wan.pcap", "-o", database],
                   check=True, capture_output=True)
    written = []
    for turn in ("one", "two"):
        out = scratch / turn
        out.mkdir()
        done = run(1, database, "--rules", rules, "--junit", out / "junit.xml", "--sarif",
                   out / "sarif", "--gitlab", out / "gitlab", "--markdown", out / "md", "--tap",
                   out / "tap", "--json", out / "json", "--github")
        written.append({p.name: p.read_bytes() for p in out.iterdir()} | {"text": done.stdout})
    assert written[0] == written[1], "two runs differ"
    points = read_tap((scratch / "one" / "tap").read_text())
    assert [name for name, ok, _ in points if not ok] == ["nat/prerouting line 13"], points
    counts = read_junit(scratch / "one" / "junit.xml")
    assert counts["failures"] == 1 and counts["tests"] == len(points), counts
    sarif = json.loads((scratch / "one" / "sarif").read_text())
    try:
        import jsonschema
        jsonschema.validate(sarif, SCHEMA)
    except ImportError:
        print("NOT RUN: SARIF against its schema: no python3-jsonschema")
    results = sarif["runs"][0]["results"]
    ids = [rule["id"] for rule in sarif["runs"][0]["tool"]["driver"]["rules"]]
    assert all(ids[r["ruleIndex"]] == r["ruleId"] for r in results)
    failures = [r for r in results if r["level"] == "error"]
    assert len(failures) == 1
    place = failures[0]["locations"][0]["physicalLocation"]
    assert place["region"]["startLine"] == 13 and len(failures[0]["relatedLocations"]) > 1
    assert len(json.loads((scratch / "one" / "gitlab").read_text())) >= 1
    annotation = [l for l in written[0]["text"].splitlines() if l.startswith("::error ")]
    assert len(annotation) == 1 and ",line=13," in annotation[0] and "%0A" in annotation[0]
    tap = run(1, database, "--rules", rules, "--format", "tap").stdout
    assert read_tap(tap) == points


def check_nothing(folder, other, scratch):
    """Empty captures and unrelated ones are 3, a policy that promises nothing is 2."""
    empty = scratch / "empty.pcap"
    empty.write_bytes(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
    rules = folder / "rules.nft"
    assert "no frames" in one_line(run(3, f"a={empty}", f"b={empty}", "--rules", rules))
    one_line(run(3, folder / "lan.pcap", f"wan={other / 'wan.pcap'}", "--rules", rules))
    policy = scratch / "nothing.toml"
    policy.write_text("version = 1\n")
    assert "no assertion" in one_line(run(2, folder / "lan.pcap", "--policy", policy))
    (scratch / "zero.pcap").write_bytes(b"")
    one_line(run(2, scratch / "zero.pcap", "--rules", rules))
    one_line(run(2, folder / "lan.pcap"))
    assert "did you mean rfc4787" in one_line(run(2, folder / "lan.pcap", "--profile", "rfc4788"))


def check_one_command(folder):
    done = run(0, f"lan={folder / 'lan.pcap'}", f"wan={folder / 'wan.pcap'}", "--rules",
               folder / "rules.json", "--mutate")
    assert "rule coverage: 1 of 1" in done.stdout and "mutation: 0 of 1" in done.stdout
    assert done.stdout.splitlines()[-1].endswith("exit 0")


def check_what_if(folder, scratch):
    new = scratch / "new.nft"
    new.write_text((folder / "rules.nft").read_text().replace('oifname "wan0" masquerade', ""))
    done = run(1, folder / "lan.pcap", folder / "wan.pcap", "--rules", folder / "rules.nft",
               "--against", new)
    assert re.search(r"what if: [1-9]\d* flows would be treated otherwise", done.stdout), done.stdout


def main():
    data = captures()
    home, forward = data / "01-home-masquerade", data / "03-portforward-hairpin"
    with tempfile.TemporaryDirectory() as name:
        scratch = pathlib.Path(name)
        check_formats(forward, scratch)
        check_nothing(home, forward, scratch)
        check_one_command(home)
        check_what_if(home, scratch)
    print("ok")


main()
