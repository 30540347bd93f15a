#!/usr/bin/env python3
"""Holds README.md against the program: every command in a `console` block is run and must print what
stands there. A line `...` stands for any number of lines.

  readme_test.py NATLENS             compare
  readme_test.py NATLENS --update    write what the program prints
"""
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def printed(command, folder, natlens):
    env = {**os.environ, "PATH": f"{natlens.parent}:{os.environ['PATH']}", "NO_COLOR": "1"}
    done = subprocess.run(["bash", "-c", command], cwd=folder, env=env, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=120)
    return done.stdout.decode()


def commands(block):
    """The commands of a block, each with the text that stands below it."""
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command, _, text = part.partition("\n")
        yield command, text.strip("\n")


def same(wanted, got):
    pattern = "\n".join(r"(?:.*\n?)*?" if line == "..." else re.escape(line) for line in wanted.split("\n"))
    return re.fullmatch(pattern, got) is not None


def main():
    natlens = pathlib.Path(sys.argv[1]).resolve()
    update = "--update" in sys.argv
    text = (ROOT / "README.md").read_text()
    wrong = 0
    with tempfile.TemporaryDirectory() as name:
        os.symlink(ROOT / "sample_pcaps", os.path.join(name, "sample_pcaps"))

        def run(found):
            nonlocal wrong
            out = []
            for command, wanted in commands(found.group(1)):
                got = printed(command, name, natlens).strip("\n")
                if not same(wanted, got):
                    wrong += 1
                    if not update:
                        print(f"README.md: $ {command}\n--- it says\n{wanted}\n--- but it prints\n{got}\n")
                out.append(f"$ {command}\n{wanted if same(wanted, got) else got}\n")
            return "```console\n" + "\n".join(out) + "```"

        text, blocks = BLOCK.subn(run, text)
    if update:
        (ROOT / "README.md").write_text(text)
        return 0
    print(f"README.md: {blocks} blocks, {wrong} commands print something else"
          + ("; `tests/cli/readme_test.py build/release/natlens --update` refreshes it" if wrong else ""))
    return 1 if wrong or blocks == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
