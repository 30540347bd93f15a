#!/usr/bin/env python3
"""The worked example of docs/ci-example, run for real: its own rules pass, a router without its
port forward fails.

  ci_example_test.py NATLENS
"""
import pathlib
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as xml

from netlab import NotRun, require_lab

NATLENS = pathlib.Path(sys.argv[1]).resolve()
EXAMPLE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "ci-example"


def failures(rules, out, code):
    done = subprocess.run([EXAMPLE / "run", NATLENS, rules, out], capture_output=True, text=True,
                          check=False, timeout=120)
    assert done.returncode == code, f"exit {done.returncode}\n{done.stdout}{done.stderr}"
    cases = xml.parse(out / "nat.xml").getroot().iter("testcase")
    return {case.get("name") for case in cases if case.find("failure") is not None}


def main():
    try:
        require_lab()
    except NotRun as reason:
        print(f"NOT RUN: {reason}")
        sys.exit(77)
    with tempfile.TemporaryDirectory() as name:
        scratch = pathlib.Path(name)
        assert failures(EXAMPLE / "edge.nft", scratch / "right", 0) == set()
        broken = scratch / "broken.nft"
        text = (EXAMPLE / "edge.nft").read_text()
        broken.write_text("\n".join(l for l in text.splitlines() if "8080" not in l))
        failed = failures(broken, scratch / "broken", 1)
        assert "web-published" in failed and "nat/prerouting line 13" in failed, failed
        assert "lan-leaves-by-pool" not in failed, failed
    print("ok")


main()
