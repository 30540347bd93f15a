"""Ground truth of a lab: what the router's own event log says became of each connection.

`conntrack -E -o extended,timestamp,id` prints a line when an entry is made, changes and goes; the
original tuple and the reply tuple on it *are* the translation. Nothing here compares the two
captures with each other. They only answer whether both sides of an entry were captured at all
(visible), how many packets, and when the first one passed: the log's times are those at which the
listener woke up, a little after the packet.

A line of truth.jsonl: `inside` and `outside` are the tuples as the inside and the outside capture
show them, `src` being the end that opened; `kind` is snat, dnat, hairpin (both sides inside),
twice or identity; `start_ns` to `end_ns` is the life of the entry.
"""
import ipaddress
import json
import re

from pcap_index import Tap

EVENT = re.compile(r"\[(\d+)\.(\d+)\]\s+\[(NEW|UPDATE|DESTROY)\]\s+ipv4\s+2\s+(\w+)\s+\d+ (.*)")
WAKE_NS = 200_000_000  # the listener may be this late
FIELD = re.compile(r"(\w+)=(\S+)")


def entries(log):
    """Lives of conntrack entries from an event log, in order of creation."""
    alive, lives = {}, []
    for line in log.splitlines():
        match = EVENT.match(line.strip())
        if not match:
            continue
        seconds, fraction, event, protocol, rest = match.groups()
        time_ns = int(seconds) * 10**9 + int(fraction.ljust(9, "0"))
        parts = rest.split("src=")
        original, reply = (_tuple(protocol, "src=" + part) for part in parts[1:3])
        identity = FIELD.findall(rest)[-1][1]
        if event == "NEW":
            alive[identity] = {"original": original, "reply": reply, "new_ns": time_ns,
                               "destroy_ns": None}
            lives.append(alive[identity])
        elif event == "DESTROY" and identity in alive:
            alive.pop(identity)["destroy_ns"] = time_ns
    return lives


def _tuple(protocol, text):
    fields = {}
    for key, value in FIELD.findall(text):
        fields.setdefault(key, value)
    if protocol == "icmp":
        request = fields["type"] == "8"
        identifier = int(fields["id"])
        return (protocol, fields["src"], identifier if request else 0, fields["dst"],
                0 if request else identifier)
    return (protocol, fields["src"], int(fields.get("sport", 0)), fields["dst"],
            int(fields.get("dport", 0)))


def _as_seen(flow):
    protocol, src, sport, dst, dport = flow
    return {"src": src, "sport": sport, "dst": dst, "dport": dport}


def _classify(sent, received, inside_net):
    """Kind, and whether the flow entered from inside: `sent` is how it entered the router,
    `received` how it left."""
    from_inside = ipaddress.ip_address(sent[1]) in inside_net
    source, destination = sent[1:3] != received[1:3], sent[3:5] != received[3:5]
    if source and destination:
        to_inside = ipaddress.ip_address(received[3]) in inside_net
        return ("hairpin" if from_inside and to_inside else "twice"), from_inside
    return "snat" if source else "dnat" if destination else "identity", from_inside


def build(folder, log, inside_net, inside_tap, outside_tap, end_ns, device="gw"):
    """Truth lines, sorted by start. `end_ns`: the end of the experiment."""
    taps = {name: Tap(folder, name) for name in (inside_tap, outside_tap)}
    network = ipaddress.ip_network(inside_net)
    lines, last_end = [], {}
    for life in entries(log):
        sent, back = life["original"], life["reply"]
        received = (back[0], back[3], back[4], back[1], back[2])
        kind, from_inside = _classify(sent, received, network)
        inside, outside = (sent, received) if from_inside else (received, sent)
        sides = {"inside": (inside, inside_tap),
                 "outside": (outside, inside_tap if kind == "hairpin" else outside_tap)}
        stop_ns = life["destroy_ns"] or end_ns
        begin_ns = max(life["new_ns"] - WAKE_NS, last_end.get(sent, 0))
        seen = {side: taps[tap].times(flow, begin_ns, stop_ns) for side, (flow, tap) in sides.items()}
        times = sorted(seen["inside"] + seen["outside"])
        line = {"proto": sent[0], "inside": _as_seen(inside), "outside": _as_seen(outside),
                "kind": kind, "start_ns": times[0] if times else life["new_ns"], "end_ns": stop_ns,
                "device": device, "initiator": "inside" if from_inside else "outside",
                "inside_tap": [sides["inside"][1]], "outside_tap": [sides["outside"][1]],
                "packets": {side: len(found) for side, found in seen.items()}}
        if times:
            line |= {"first_packet_ns": times[0], "last_packet_ns": times[-1]}
        line |= {"still_open": life["destroy_ns"] is None,
                 "visible": bool(seen["inside"] and seen["outside"])}
        last_end[sent] = stop_ns
        lines.append(line)
    return sorted(lines, key=lambda line: (line["start_ns"], json.dumps(line)))


def write(path, lines):
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
