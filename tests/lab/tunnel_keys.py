"""The keys that VPN daemons used, in the formats that natlens reads, and what follows from them.

wireguard-go tells nobody its ephemeral keys, but draws them from getrandom(2), where strace sees
them; charon's log at level 4 has those of its associations.
"""
import re
import shutil
import sqlite3
import subprocess
from base64 import b64encode

RANDOM = re.compile(r'getrandom\("((?:\\x[0-9a-f]{2})+)", 32, 0\) = 32')


def watched(path):
    """A prefix for a command whose random numbers are kept there; nothing without strace."""
    if not shutil.which("strace"):
        return ()
    # -D: the daemon is the process that is started, and strace ends with it.
    return ("strace", "-D", "-f", "--seccomp-bpf", "-xx", "-s", "32", "-e", "trace=getrandom", "-o", str(path))


def wireguard_log(folder):
    """A key log of the client, or None: each 32 bytes that it drew may have been a key."""
    path = folder / "cl.random"
    drawn = RANDOM.findall(path.read_text()) if path.exists() else []
    if not drawn:
        return None
    peer = subprocess.run(["wg", "pubkey"], input=(folder / "vs.key").read_bytes(), check=True,
                          capture_output=True).stdout.decode().strip()
    lines = [f"LOCAL_STATIC_PRIVATE_KEY = {(folder / 'cl.key').read_text().strip()}",
             f"REMOTE_STATIC_PUBLIC_KEY = {peer}"]
    for text in drawn:
        key = b64encode(bytes.fromhex(text.replace("\\x", ""))).decode()
        lines.append(f"LOCAL_EPHEMERAL_PRIVATE_KEY = {key}")
    return "\n".join(lines) + "\n"


def charon_state(folder, cipher):
    """All associations that the client had, as `ip xfrm state` has them, or None. It opens each exchange of keys."""
    log = (folder / "cl.log").read_text(errors="replace")
    keys, text = {}, ""
    for name, dump, way, spi, src, dst in re.findall(
            r"\[CHD\] (\w+ (?:initiator|responder) key) => \d+ bytes @ \S+\n((?:.*\[CHD\]\s+\d+: .*\n)+)"
            r"|adding (inbound|outbound) ESP SA\n.*SPI 0x([0-9a-f]+), src (\S+) dst (\S+)", log):
        if name:
            keys[name] = "".join("".join(re.findall(r"\b[0-9A-F]{2}\b", line.split(": ", 1)[1].split("  ")[0]))
                                 for line in dump.splitlines())
            continue
        side = "initiator" if way == "outbound" else "responder"
        if f"encryption {side} key" not in keys:
            return None
        text += f"src {src} dst {dst}\n\tproto esp spi 0x{spi} reqid 1 mode tunnel\n"
        if "gcm" in cipher:
            text += f"\taead rfc4106(gcm(aes)) 0x{keys[f'encryption {side} key']} 128\n"
        else:
            text += (f"\tauth-trunc hmac(sha256) 0x{keys[f'integrity {side} key']} 128\n"
                     f"\tenc cbc(aes) 0x{keys[f'encryption {side} key']}\n")
    return text or None


TUPLE = "c.protocol, c.src, c.sport, c.dst, c.dport"


def carried(database, basis):
    """(inner tuple, outer tuple, tap of the outer one), whichever tap shows the inner one."""
    db = sqlite3.connect(database)
    return {row[:5] + row[5:] for row in db.execute(
        f"SELECT {TUPLE}, o.src, o.sport, o.dst, o.dport, t.name FROM encapsulation AS e"
        " JOIN connection AS c ON c.id = e.connection_id JOIN connection AS o ON o.id = e.carrier_id"
        " JOIN tap AS t ON t.id = o.tap_id WHERE e.basis = ? AND e.kind IN ('wireguard', 'esp')"
        " AND c.protocol IN ('tcp', 'udp', 'icmp')", (basis,))}


def packets(database):
    """Frames of the same packet at the tunnel's interface and at the other taps."""
    db = sqlite3.connect(database)
    links = set()
    for one in db.execute(
            "SELECT a.name, l.frame, b.name, l.other_frame FROM packet_link AS l"
            " JOIN connection AS c ON c.id = l.connection_id JOIN tap AS a ON a.id = c.tap_id"
            " JOIN connection AS d ON d.id = l.other_connection_id JOIN tap AS b ON b.id = d.tap_id"):
        first, second = sorted((one[:2], one[2:]), key=lambda end: end[0] != "tun")
        if first[0] == "tun" and second[0] != "tun":
            links.add((first, second))
    return links


def judge(natlens, folder, name, plain, taps, keys):
    """Decrypts the same captures; `plain` is the database made without keys. True: all agree."""
    path, database = folder / "keys", folder / "keys.db"
    path.write_text(keys)
    subprocess.run([natlens, "analyze", *taps, "-o", str(database), "--force", "--packets", "--keys", str(path)],
                   check=True, stdout=subprocess.DEVNULL, timeout=120)
    for line in keys.split():
        if len(line) > 20 and line.encode() in database.read_bytes():
            print(f"{name}: a key is in the database")
            return False
    truth, said = carried(database, "clear"), carried(plain, "aligned")
    inner = {row[:5] for row in truth}
    shown = {row[0:5] for row in sqlite3.connect(database).execute(
        f"SELECT {TUPLE} FROM connection AS c JOIN tap AS t ON t.id = c.tap_id WHERE t.name = 'tun'"
        " AND c.protocol IN ('tcp', 'udp', 'icmp') AND c.reply_packets > 0")}
    wanted, linked = packets(database), packets(plain)
    right = len(linked & wanted)
    decrypted = len(inner & shown) / len(shown)
    wrong = len(inner - shown)
    precision, recall = len(said & truth) / (len(said) or 1), len(said & truth) / (len(truth) or 1)
    print(f"{name} with keys: {len(inner)} connections decrypted, {wrong} that the tunnel did not show, recall "
          f"{decrypted:.4f}; without keys: carriers precision {precision:.4f} recall {recall:.4f}, packets "
          f"{right} of {len(linked)} right, {len(wanted)} in all", flush=True)
    most = max(2, 0.02 * len(truth))  # of a few dozen connections one may be missed, at both taps
    found = len(truth - said) <= most
    return decrypted >= 0.995 and wrong == 0 and precision == 1 and found and right >= 0.99 * len(linked)


def judge_path(natlens, folder, name):
    """From the client's tunnel interface to what the server sends: one path, the carriers beside it."""
    database = folder / "path.db"
    taps = [f"{tap}={folder}/{tap}.pcap" for tap in ("tun", "eth", "wan", "far", "out")]
    subprocess.run([natlens, "analyze", *taps, "-o", str(database), "--force"], check=True,
                   stdout=subprocess.DEVNULL, timeout=120)
    db = sqlite3.connect(database)
    # The server's own address is no way through it.
    wanted = {row[0]: row[1] for row in db.execute(
        "SELECT c.id, c.src || ':' || c.sport FROM connection AS c JOIN tap AS t ON t.id = c.tap_id"
        " WHERE t.name = 'tun' AND c.protocol IN ('tcp', 'udp', 'icmp') AND c.reply_packets > 0"
        " AND c.dst = '192.0.2.9'")}
    found = dict(db.execute("SELECT inside_connection_id, outside_src FROM translations"
                            " WHERE inside_tap = 'tun' AND outside_tap = 'out' AND kind = 'snat'"))
    right = [c for c in wanted if found.get(c) == "192.0.2.1"]
    # A request whose answer the tunnel lost has a path, too, though none is asked for.
    one_way = {row[0] for row in db.execute(
        "SELECT id FROM connection WHERE reply_packets = 0 AND dst = '192.0.2.9'")}
    wrong = [c for c in found if c not in wanted and c not in one_way or found[c] != "192.0.2.1"]
    page = subprocess.run([natlens, "trace", str(database), str(right[0])], capture_output=True, text=True,
                          timeout=60).stdout if right else ""
    tunnel = page.partition("in tunnels")[2].partition("events")[0]
    shown = "tun -> far" in page and "far -> out" in page and "198.51.100.17" in tunnel and "192.168.44.50" in tunnel
    print(f"{name} from end to end: {len(right)} of {len(wanted)} connections in one path, {len(wrong)} wrong, "
          f"trace {'shows' if shown else 'does not show'} the carriers", flush=True)
    return len(wanted) - len(right) <= max(1, 0.02 * len(wanted)) and not wrong and shown
