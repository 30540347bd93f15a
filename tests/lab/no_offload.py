#!/usr/bin/env python3
"""Turns off checksum and segmentation offload of one interface (what `ethtool -K IF tx off rx off
tso off gso off gro off` does), so that captures hold packets as a wire carries them.

  no_offload.py INTERFACE [on]      on: turns them on again
"""
import array
import fcntl
import socket
import struct
import sys

SIOCETHTOOL = 0x8946
# include/uapi/linux/ethtool.h: ETHTOOL_SRXCSUM, STXCSUM, SSG, STSO, SGSO, SGRO
SWITCHES = (0x15, 0x17, 0x19, 0x1f, 0x24, 0x2c)


def main():
    name = sys.argv[1].encode()
    wanted = int(sys.argv[2:] == ["on"])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        for switch in SWITCHES:
            value = array.array("B", struct.pack("=II", switch, wanted))
            try:
                fcntl.ioctl(control, SIOCETHTOOL, struct.pack("16sP", name, value.buffer_info()[0]))
            except OSError:
                pass  # a driver without the feature has nothing to turn off or on


if __name__ == "__main__":
    main()
