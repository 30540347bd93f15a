#!/usr/bin/env python3
"""Connections with marks in their bytes, directly or through a proxy, for labs of proxies.

  proxy_traffic.py serve ADDRESS PORT...      TCP and UDP echo on each port; says "ready" on stderr
  proxy_traffic.py client JSON                a list of actions, one after the other:
     {"mark": TEXT, "to": [HOST, PORT], "via": [KIND, ADDRESS, PORT], "bytes": N, "end": "fin"|"reset",
      "udp": true}
     "dns": true: the mark is a name, and a query for it is sent, over TCP without "udp".
     KIND: socks5, socks4a, connect; without "via" directly. The mark is the first thing sent, then N bytes
     that follow from it, and all of it comes back. N = 0: not even the mark. Prints a line of JSON for
     each action: mark, its own end and the end that it connected to.
"""
import json
import random
import socket
import struct
import sys
import threading
import time

from traffic import echo_tcp


def accept(listener):
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=echo_tcp, args=(connection,), daemon=True).start()


def answer(service):
    while True:
        data, peer = service.recvfrom(65536)
        service.sendto(data, peer)


def serve(address, ports):
    for port in ports:
        listener = socket.create_server((address, port), backlog=64)
        threading.Thread(target=accept, args=(listener,), daemon=True).start()
        service = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        service.bind((address, port))
        threading.Thread(target=answer, args=(service,), daemon=True).start()
    print("ready", file=sys.stderr, flush=True)
    threading.Event().wait()


def exactly(client, count):
    data = b""
    while len(data) < count:
        more = client.recv(count - len(data))
        if not more:
            raise OSError("the proxy closed")
        data += more
    return data


def ask(client, kind, host, port):
    """The request to the proxy; raises OSError where it refuses."""
    if kind == "socks5":
        client.sendall(b"\5\1\0")
        exactly(client, 2)
        name = host.encode()
        client.sendall(b"\5\1\0\3" + bytes([len(name)]) + name + struct.pack(">H", port))
        reply = exactly(client, 4)
        exactly(client, {1: 6, 4: 18}[reply[3]])
        if reply[1]:
            raise OSError("refused")
    elif kind == "connect":
        client.sendall(f"CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += exactly(client, 1)
        if b" 200" not in head.split(b"\r\n")[0]:
            raise OSError("refused")
    else:
        raise ValueError(kind)


def associate(proxy):
    """SOCKS 5 for datagrams: the connection that keeps it up, and where they are sent to."""
    control = socket.create_connection(proxy, timeout=3)
    control.sendall(b"\5\1\0")
    exactly(control, 2)
    control.sendall(b"\5\3\0\1" + bytes(6))
    reply = exactly(control, 10)
    if reply[1] or reply[3] != 1:
        raise OSError("refused")
    host = socket.inet_ntoa(reply[4:8])
    return control, (proxy[0] if host == "0.0.0.0" else host, struct.unpack(">H", reply[8:])[0])


def own_address(target):
    """The address that a socket to `target` would have."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(target)
        return probe.getsockname()[0]


def act(action):
    udp = action.get("udp", False)
    host, port = action["to"]
    via = action.get("via")
    client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM if udp else socket.SOCK_STREAM)
    client.settimeout(3)
    control = None
    try:
        first = (via[1], via[2]) if via else (host, port)
        if via and udp:
            control, first = associate(first)
        client.bind((own_address(first), 0))
        print(json.dumps({"mark": action["mark"], "src": client.getsockname(), "dst": first}), flush=True)
        client.connect(first)
        if via and not udp:
            ask(client, via[0], host, port)
        if action["bytes"]:
            message = action["mark"].encode() + random.Random(action["mark"]).randbytes(action["bytes"])
            if action.get("dns"):
                name = action["mark"].encode()
                message = (struct.pack(">HHHHHH", len(name) * 257, 0x0100, 1, 0, 0, 0) + bytes([len(name)]) + name
                           + b"\0" + struct.pack(">HH", 1, 1))
                message = message if udp else struct.pack(">H", len(message)) + message
            if control:
                message = b"\0\0\0\1" + socket.inet_aton(host) + struct.pack(">H", port) + message
            client.sendall(message)
            if udp:
                client.recv(65536)
            elif action.get("dns"):
                exactly(client, struct.unpack(">H", exactly(client, 2))[0])
            else:
                exactly(client, len(message))
        if action.get("end") == "reset":
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    except OSError:
        pass  # refused or not answered: what some actions are there to provoke
    finally:
        client.close()
        if control:
            control.close()
    time.sleep(action.get("then", 0.02))


def main():
    if sys.argv[1] == "serve":
        serve(sys.argv[2], [int(x) for x in sys.argv[3:]])
    else:
        for action in json.loads(sys.argv[2]):
            act(action)


if __name__ == "__main__":
    main()
