#!/usr/bin/env python3
"""Holds the real #includes of src/ and include/ against the layers declared in CMakeLists.txt.

  layers.py SOURCE_DIR LAYERS_TXT

A folder may include: its own files; any door (include/natlens/X/*.h) of a folder that it USES or
that is USED below it; include/natlens/X/records.h of a folder that it READS. Besides, four
libraries have one home each: libpcap in capture, libcrypto in decode, SQLite in store, CLI11 in
cli.
"""
import pathlib
import re
import sys

HOME = {"pcap": "capture", "openssl/": "decode", "sqlite3.h": "store", "CLI/": "cli"}


def declared(path):
    layers = {}
    for line in pathlib.Path(path).read_text().splitlines():
        if not line.strip():
            continue
        name, uses, reads = line.split()
        layers[name] = ({f for f in uses[5:].split(",") if f}, {f for f in reads[6:].split(",") if f})
    return layers


def folder_of(path, root):
    parts = path.relative_to(root).parts
    return parts[1] if parts[0] == "src" else parts[2]


def complaints(root, layers):
    files = sorted((root / "src").rglob("*.*")) + sorted((root / "include").rglob("*.h"))
    for path in files:
        if path.suffix not in (".h", ".cc"):
            continue
        me = folder_of(path, root)
        if me not in layers:
            yield f"{path.relative_to(root)}: folder {me} is not declared in CMakeLists.txt"
            continue
        uses, reads = layers[me]
        for number, line in enumerate(path.read_text().splitlines(), 1):
            found = re.match(r'\s*#\s*include\s*[<"]([^>"]+)[>"]', line)
            if not found:
                continue
            name, where = found.group(1), f"{path.relative_to(root)}:{number}"
            for library, home in HOME.items():
                if name.startswith(library) and me != home:
                    yield f"{where}: {name} belongs in {home} only"
                if name.startswith(library) and path.parts[len(root.parts)] == "include":
                    yield f"{where}: {name} must not be in a door"
            door = re.match(r"natlens/([a-z]+)/(.+)", name)
            if not door or door.group(1) == me:
                continue
            other, file = door.groups()
            if other in uses or (other in reads and file == "records.h"):
                continue
            what = "only its records.h" if other in reads else "nothing of it"
            yield f"{where}: {me} includes {name}; it may use {what}"


def main():
    root = pathlib.Path(sys.argv[1]).resolve()
    wrong = list(complaints(root, declared(sys.argv[2])))
    print("\n".join(wrong) or "layers: every #include follows the declared order")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
