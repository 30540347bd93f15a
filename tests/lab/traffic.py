#!/usr/bin/env python3
"""Servers and clients of a lab, on real sockets.

  traffic.py serve ADDRESS...       says "ready" on stderr, serves until it is ended
  traffic.py client NAME ACTIONS    ACTIONS: a JSON list of {"at": seconds, "do": NAME, ...},
                                    each in a thread of its own; ends when all have ended

Services: HTTP on tcp 80 (GET /N answers with N bytes), echo on tcp 7002 and udp 7, a server that
resets after one message on tcp 7001, DNS for any name on udp and tcp 53, and on udp 7003 a stream: the
request "N" gets N datagrams. Payloads come from the client's name, so that clients do not all say
the same and a run can be made again.
"""
import http.server
import json
import random
import socket
import socketserver
import struct
import sys
import threading
import time


# ---------------------------------------------------------------- servers
class Pages(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        size = int(self.path.strip("/").split("?")[0] or 64)
        self.send_response(200)
        self.send_header("Content-Length", str(size))
        self.end_headers()
        self.wfile.write(random.Random(self.path).randbytes(size))

    def log_message(self, *_):
        pass


def family(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


class Http(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, address, handler):
        self.address_family = family(address[0])
        super().__init__(address, handler)

    def server_bind(self):  # without HTTPServer's question to DNS for a name of its own
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]


def background(function, *arguments):
    threading.Thread(target=function, args=arguments, daemon=True).start()


def reset_on_close(connection):
    """Closing then sends RST, not FIN (SO_LINGER with a time of 0)."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def serve_tcp(address, port, handler):
    listener = socket.create_server((address, port), backlog=64, family=family(address))
    while True:
        connection, _ = listener.accept()
        background(handler, connection)


def echo_tcp(connection):
    with connection:
        try:
            while data := connection.recv(65536):
                connection.sendall(data)
        except OSError:
            pass


def reset_tcp(connection):
    connection.recv(65536)
    reset_on_close(connection)
    connection.close()


def serve_udp(address, port, answers):
    service = socket.socket(family(address), socket.SOCK_DGRAM)
    service.bind((address, port))
    while True:
        data, peer = service.recvfrom(65536)
        for answer in answers(data):
            service.sendto(answer, peer)


def dns_answer(query):
    """One A record, 203.0.113.x from the name (RFC 1035)."""
    end = query.index(b"\0", 12) + 5
    header = query[:2] + struct.pack(">HHHHH", 0x8180, 1, 1, 0, 0)
    record = struct.pack(">HHHIH4B", 0xC00C, 1, 1, 300, 4, 203, 0, 113, sum(query[12:end]) % 250 + 1)
    yield header + query[12:end] + record


def stream(request):
    generator = random.Random(request)
    for _ in range(min(int(request.split()[0]), 200)):
        yield generator.randbytes(180)
        time.sleep(0.01)


def dns_tcp(connection):
    with connection:
        while len(head := connection.recv(2, socket.MSG_WAITALL)) == 2:
            query = connection.recv(struct.unpack(">H", head)[0], socket.MSG_WAITALL)
            for answer in dns_answer(query):
                connection.sendall(struct.pack(">H", len(answer)) + answer)


def serve(addresses):
    for address in addresses:
        background(Http((address, 80), Pages).serve_forever)
        background(serve_tcp, address, 7001, reset_tcp)
        background(serve_tcp, address, 7002, echo_tcp)
        background(serve_udp, address, 7, lambda data: [data])
        background(serve_udp, address, 53, dns_answer)
        background(serve_tcp, address, 53, dns_tcp)
        background(serve_udp, address, 7003, stream)
    time.sleep(0.2)
    print("ready", file=sys.stderr, flush=True)
    threading.Event().wait()


# ---------------------------------------------------------------- clients
def opened(kind, action, timeout=2.0):
    """A socket of the action: bound to `sport` if given, connected to `dst`."""
    client = socket.socket(family(action["dst"]), kind)
    client.settimeout(timeout)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    client.bind(("", action.get("sport", 0)))
    if "ttl" in action:
        client.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, action["ttl"])
    client.connect((action["dst"], action["port"]))
    return client


def do_tcp(action, generator):
    """count messages of size bytes, gap seconds apart, each echoed; then end: fin or reset."""
    with opened(socket.SOCK_STREAM, action, action.get("timeout", 2.0)) as client:
        for _ in range(action.get("count", 1)):
            message = generator.randbytes(action.get("size", 100))
            client.sendall(message)
            received = 0
            while received < len(message):
                data = client.recv(65536)
                if not data:
                    return
                received += len(data)
            time.sleep(action.get("gap", 0.0))
        if action.get("end") == "reset":
            reset_on_close(client)


def do_udp(action, generator):
    """count datagrams of size bytes, gap seconds apart; one answer awaited for each."""
    with opened(socket.SOCK_DGRAM, action, action.get("timeout", 1.0)) as client:
        for _ in range(action.get("count", 1)):
            client.send(generator.randbytes(action.get("size", 60)))
            client.recv(65536)
            time.sleep(action.get("gap", 0.0))


def do_dns(action, generator):
    with opened(socket.SOCK_DGRAM, action) as client:
        name = b"".join(bytes([len(x)]) + x.encode() for x in action["name"].split(".")) + b"\0"
        client.send(struct.pack(">HHHHHH", generator.randrange(65536), 0x0100, 1, 0, 0, 0) + name
                    + struct.pack(">HH", 1, 1))
        client.recv(4096)


def do_stream(action, generator):
    with opened(socket.SOCK_DGRAM, action) as client:
        count = action.get("count", 20)
        client.send(f"{count} {generator.randrange(1 << 30)}".encode())
        for _ in range(count):
            client.recv(4096)


DOES = {"tcp": do_tcp, "udp": do_udp, "dns": do_dns, "stream": do_stream}


def client(name, actions):
    def one(number, action):
        time.sleep(action.get("at", 0.0))
        try:
            DOES[action["do"]](action, random.Random(f"{name} {number} {json.dumps(action)}"))
        except OSError:
            pass  # refused, reset, unreachable, timed out: what many actions are there to provoke

    threads = [threading.Thread(target=one, args=x) for x in enumerate(actions)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def main():
    if sys.argv[1] == "serve":
        serve(sys.argv[2:])
    else:
        client(sys.argv[2], json.loads(sys.argv[3]))


if __name__ == "__main__":
    main()
