"""The whole pipeline over broken captures: those of the corpus that are malformed, and good ones with
bytes changed and cut off by chance. Any answer will do, but no crash, no hang; built with sanitizers
(`scripts/test --fuzz`) not a single false read either.

  malformed_test.py NATLENS [ROUNDS]
"""
import os
import pathlib
import random
import subprocess
import sys
import tempfile

NATLENS = pathlib.Path(sys.argv[1]).resolve()
ROUNDS = int(sys.argv[2]) if len(sys.argv) > 2 else 1
ROOT = pathlib.Path(__file__).resolve().parents[2]
SECONDS = 120  # that one may take, sanitizers included


def corpus():
    """The corpus's captures, if there is one; always the repository's own."""
    data = pathlib.Path(os.environ.get("NATLENS_DATA", ROOT / "../shared"))
    found = sorted(p for p in (data / "corpus").glob("**/*") if p.suffix in (".pcap", ".pcapng", ".cap"))
    if not found:
        print("NOT RUN: the corpus is not here (NATLENS_DATA)")
    return found, sorted((ROOT / "sample_pcaps").glob("**/*.pcap*"))


def run(folder, captures, what):
    taps = [f"tap{i}={path}" for i, path in enumerate(captures)]
    command = [NATLENS, "analyze", *taps, "-o", folder / "nat.db", "--force", "--memory", "32M"]
    done = subprocess.run(command, capture_output=True, timeout=SECONDS, check=False)
    err = done.stderr.decode(errors="replace")
    assert done.returncode in (0, 2, 3) and "Sanitizer" not in err and "runtime error" not in err, (
        f"{what}: exit {done.returncode}\n{err[-4000:]}")
    if done.returncode == 2:
        return
    for topic in ("findings", "nats", "conntrack"):
        show = subprocess.run([NATLENS, "show", folder / "nat.db", topic], capture_output=True,
                              timeout=SECONDS, check=False)
        assert show.returncode in (0, 1), f"{what}: show {topic}: exit {show.returncode}\n{show.stderr}"


def damaged(path, rng):
    """A copy with some bytes changed, some left out, the end cut off."""
    data = bytearray(path.read_bytes()[:1 << 20])
    for _ in range(rng.randrange(1, 40)):
        data[rng.randrange(24, max(len(data), 25)) % len(data)] = rng.randrange(256)
    if rng.random() < 0.3:
        at = rng.randrange(len(data))
        del data[at:at + rng.randrange(1, 200)]
    if rng.random() < 0.3:
        del data[rng.randrange(len(data) // 2, len(data)):]
    return bytes(data)


def main():
    rng = random.Random(11)
    found, own = corpus()
    with tempfile.TemporaryDirectory(prefix="natlens-malformed-") as name:
        folder = pathlib.Path(name)
        for path in found:
            run(folder, [path] if "malformed" not in path.parts else [path, path], path.name)
        for number in range(ROUNDS):
            for path in (p for p in found + own if p.stat().st_size > 0):
                broken = folder / f"broken{path.suffix}"
                broken.write_bytes(damaged(path, rng))
                run(folder, [broken, path], f"{path.name}, round {number}")
    print(f"ok: {len(found)} of the corpus, {ROUNDS} rounds over {len(found) + len(own)} damaged ones")


main()
