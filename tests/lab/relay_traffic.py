#!/usr/bin/env python3
"""Conversations for a lab of encrypted relays: many at once, each to a port of its own.

  relay_traffic.py serve ADDRESS FIRST COUNT     listens on COUNT ports from FIRST on; says "ready" on stderr
  relay_traffic.py client JSON                   a list of conversations, each begun at its time:
     {"at": SECONDS, "to": [HOST, PORT], "tls": BOOL, "socks": [HOST, PORT] or null,
      "turns": [[UP, DOWN, PAUSE], ...], "end": "fin"|"reset"}
     A turn sends UP bytes, waits for DOWN bytes, then for PAUSE seconds. With "socks" the server asked for is
     that one, through the proxy at "to". Prints a line of JSON for each: its source port, its own number.
"""
import json
import os
import socket
import ssl
import struct
import sys
import threading
import time


def exactly(client, count):
    data = b""
    while len(data) < count:
        more = client.recv(min(count - len(data), 1 << 16))
        if not more:
            raise OSError("closed")
        data += more
    return data


def answer(connection):
    with connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            while True:
                up, down = struct.unpack(">II", exactly(connection, 8))
                exactly(connection, up - 8)
                connection.sendall(os.urandom(down))
        except OSError:
            pass


def accept(listener):
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=answer, args=(connection,), daemon=True).start()


def serve(address, first, count):
    for port in range(first, first + count):
        listener = socket.create_server((address, port), backlog=64)
        threading.Thread(target=accept, args=(listener,), daemon=True).start()
    print("ready", file=sys.stderr, flush=True)
    threading.Event().wait()


def ask(client, host, port):
    client.sendall(b"\5\1\0")
    exactly(client, 2)
    client.sendall(b"\5\1\0\1" + socket.inet_aton(host) + struct.pack(">H", port))
    if exactly(client, 10)[1]:
        raise OSError("refused")


def talk(number, action):
    time.sleep(action["at"])
    try:
        client = socket.create_connection(tuple(action["to"]), timeout=10)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        os.write(1, (json.dumps({"number": number, "sport": client.getsockname()[1]}) + "\n").encode())
        if action["tls"]:
            context = ssl.create_default_context()
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            client = context.wrap_socket(client)
        if action["socks"]:
            ask(client, *action["socks"])
        for up, down, pause in action["turns"]:
            client.sendall(struct.pack(">II", up, down) + os.urandom(up - 8))
            exactly(client, down)
            time.sleep(pause)
        if action["end"] == "reset":
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
    except OSError as error:
        print(f"{number}: {error}", file=sys.stderr, flush=True)


def main():
    if sys.argv[1] == "serve":
        serve(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
        return
    threads = [threading.Thread(target=talk, args=item) for item in enumerate(json.loads(sys.argv[2]))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
