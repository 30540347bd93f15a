#!/usr/bin/env python3
"""Many short connections, at a rate.

  capture_traffic.py serve ADDRESS           says "ready" on stderr; echoes tcp and udp 7000
  capture_traffic.py load ADDRESS RATE SECONDS [HOLD]

Four of five connections are TCP, of one question and one answer, closed by the client; the others
UDP. HOLD more TCP connections stay open all the time, with a packet a second. Prints how many were
begun and how many were answered.
"""
import asyncio
import sys
import time

PORT = 7000


class Echo(asyncio.DatagramProtocol):
    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, address):
        self.transport.sendto(data, address)


async def echo(reader, writer):
    try:
        while data := await reader.read(4096):
            writer.write(data)
    except ConnectionError:
        pass
    writer.close()


async def serve(address):
    loop = asyncio.get_running_loop()
    await asyncio.start_server(echo, address, PORT, backlog=4096)
    await loop.create_datagram_endpoint(Echo, local_addr=(address, PORT))
    print("ready", file=sys.stderr, flush=True)
    await asyncio.Event().wait()


class Question(asyncio.DatagramProtocol):
    def __init__(self, text):
        self.text, self.answered = text, asyncio.get_running_loop().create_future()

    def connection_made(self, transport):
        transport.sendto(self.text)

    def datagram_received(self, data, _):
        if not self.answered.done():
            self.answered.set_result(data)


async def udp(address, number):
    transport, question = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: Question(b"question %d" % number), remote_addr=(address, PORT))
    try:
        await asyncio.wait_for(question.answered, 3)
    finally:
        transport.close()


async def tcp(address, number):
    reader, writer = await asyncio.wait_for(asyncio.open_connection(address, PORT), 3)
    writer.write(b"question %d" % number)
    await asyncio.wait_for(reader.read(100), 3)
    writer.close()
    await writer.wait_closed()


async def hold(address, number, seconds):
    reader, writer = await asyncio.open_connection(address, PORT)
    for beat in range(int(seconds)):
        writer.write(b"still %d %d" % (number, beat))
        await reader.read(100)
        await asyncio.sleep(1)
    writer.close()


async def load(address, rate, seconds, held):
    answered = 0

    async def one(number):
        nonlocal answered
        await (udp if number % 5 == 4 else tcp)(address, number)
        answered += 1

    begin, tasks, number = time.monotonic(), [], 0
    holding = [asyncio.create_task(hold(address, n, seconds)) for n in range(held)]
    while time.monotonic() - begin < seconds:
        while number < rate * (time.monotonic() - begin):
            tasks.append(asyncio.create_task(one(number)))
            number += 1
        await asyncio.sleep(0.002)
    await asyncio.gather(*tasks, *holding, return_exceptions=True)
    print(f"{number} begun, {answered} answered", flush=True)


def main():
    what, address, *numbers = sys.argv[1:]
    if what == "serve":
        asyncio.run(serve(address))
    else:
        rate, seconds, *held = numbers
        asyncio.run(load(address, float(rate), float(seconds), int(held[0]) if held else 0))


if __name__ == "__main__":
    main()
