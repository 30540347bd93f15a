#!/usr/bin/env python3
"""Traffic for nat_inline_test.py, from within a namespace.

  inline_traffic.py echo-server ADDRESS PORT         TCP; says "ready" on standard error
  inline_traffic.py echo ADDRESS PORT COUNT SECONDS  COUNT connections at once, held for so long: sends on each
                                                     when all are open, again a second before the end, and
                                                     wants its own bytes back both times
  inline_traffic.py dns SERVER NAME [tcp]            prints the address that NAME has
  inline_traffic.py ftp-server ADDRESS PORT FOLDER   passive FTP
  inline_traffic.py ftp ADDRESS PORT FILE            prints the file's SHA-256
"""
import asyncio
import ftplib
import hashlib
import pathlib
import random
import resource
import socket
import struct
import sys
import time


def many_files():
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def echo_server(address, port):
    async def serve(reader, writer):
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            pass
        writer.close()

    async def main():
        server = await asyncio.start_server(serve, address, int(port), backlog=4096)
        print("ready", file=sys.stderr, flush=True)
        async with server:
            await server.serve_forever()

    many_files()
    asyncio.run(main())


def echo(address, port, count, seconds):
    async def ask(reader, writer):
        data = random.randbytes(400)
        writer.write(data)
        await writer.drain()
        return await asyncio.wait_for(reader.readexactly(len(data)), 20) == data

    async def main():
        gate = asyncio.Semaphore(200)

        async def connect():
            async with gate:
                return await asyncio.wait_for(asyncio.open_connection(address, int(port)), 20)

        streams = await asyncio.gather(*(connect() for _ in range(int(count))))
        print("open", file=sys.stderr, flush=True)
        began = time.monotonic()
        good = sum(await asyncio.gather(*(ask(*stream) for stream in streams)))
        await asyncio.sleep(max(0.0, float(seconds) - 1 - (time.monotonic() - began)))
        good += sum(await asyncio.gather(*(ask(*stream) for stream in streams)))
        for _, writer in streams:
            writer.close()
        print(f"{good} of {2 * int(count)}")

    many_files()
    asyncio.run(main())


def dns(server, name, transport="udp"):
    question = b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"
    number = random.randrange(65536)
    query = struct.pack(">6H", number, 0x100, 1, 0, 0, 0) + question + struct.pack(">2H", 1, 1)
    if transport == "tcp":
        with socket.create_connection((server, 53), 5) as connection:
            connection.sendall(struct.pack(">H", len(query)) + query)
            answer = connection.recv(65536)[2:]
    else:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as connection:
            connection.settimeout(5)
            connection.sendto(query, (server, 53))
            answer = connection.recv(65536)
    assert struct.unpack(">H", answer[:2])[0] == number and struct.unpack(">H", answer[6:8])[0] == 1
    print(socket.inet_ntoa(answer[-4:]))


def ftp_session(client, folder):
    """One client of a passive FTP server that knows what a download needs."""
    file = client.makefile("rwb", buffering=0)
    data = None

    def say(text):
        file.write(text.encode() + b"\r\n")

    say("220 ready")
    for line in file:
        command, _, argument = line.decode().strip().partition(" ")
        if command == "PASV":
            address = client.getsockname()[0]
            data = socket.create_server((address, 0))
            port = data.getsockname()[1]
            say(f"227 Entering Passive Mode ({address.replace('.', ',')},{port >> 8},{port & 255}).")
        elif command == "RETR":
            say("150 here it comes")
            with data.accept()[0] as out:
                out.sendall((pathlib.Path(folder) / argument).read_bytes())
            say("226 done")
        elif command == "QUIT":
            say("221 bye")
            return
        else:
            say({"USER": "331 password?", "PASS": "230 welcome"}.get(command, "200 fine"))


def ftp_server(address, port, folder):
    with socket.create_server((address, int(port))) as server:
        print("ready", file=sys.stderr, flush=True)
        while True:
            with server.accept()[0] as client:
                ftp_session(client, folder)


def ftp(address, port, name):
    digest = hashlib.sha256()
    with ftplib.FTP(timeout=10) as client:
        # The address in the answer to PASV counts: behind a NAT somebody has to write it anew.
        client.trust_server_pasv_ipv4_address = True
        client.connect(address, int(port))
        client.login()
        client.retrbinary(f"RETR {name}", digest.update)
    print(digest.hexdigest())


if __name__ == "__main__":
    {"echo-server": echo_server, "echo": echo, "dns": dns, "ftp-server": ftp_server,
     "ftp": ftp}[sys.argv[1]](*sys.argv[2:])
