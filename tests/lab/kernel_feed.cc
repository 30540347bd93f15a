// Feeds packets to the router that this network namespace is, one by one, and tells what its
// connection tracking made of each.
//
//   kernel_feed INSIDE OUTSIDE < packets > answers
//
// INSIDE and OUTSIDE are TUN interfaces, so that a packet enters the router by write() and has
// left it by the other interface when write() returns: the kernel forwards in the context of
// the caller. Rules in the namespace write into the DSCP of what leaves how `ct state` and `ct
// direction` matched; that is how the class is read, the way any ruleset sees it. The entry
// under the packet's tuple is then asked for over ctnetlink, and the events that the packet
// caused are read from a second socket. Nothing else happens in such a namespace, so nothing
// can be confused.
//
// A packet on standard input, big endian: side (0 inside), protocol, source and destination
// address, two numbers (ports; ICMP: id, type and code), length, then so many bytes of an IPv4
// packet. The tuple is the one to look up: for an ICMP error the inverted quoted one. A length
// of 0 asks for the answers so far. An answer is a line of JSON: ns (monotonic, when the packet
// was sent), dscp (absent: it did not come out) and ct, state, t, f, ws, fl, vtag, ev as
// `natlens track --format jsonl` names them.
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/if_tun.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "netlink.h"

namespace lab {
namespace {

// ---- what comes in
struct Packet {
  bool from_outside = false;
  std::uint8_t protocol = 0;
  std::uint32_t src = 0;
  std::uint32_t dst = 0;
  std::uint16_t first = 0;
  std::uint16_t second = 0;
  std::vector<std::uint8_t> bytes;
};

bool read_packet(Packet& packet) {
  std::array<std::uint8_t, 16> head{};
  if (std::fread(head.data(), 1, head.size(), stdin) != head.size()) return false;
  const Bytes h(head);
  packet.from_outside = head[0] != 0;
  packet.protocol = head[1];
  packet.src = big_endian(h.subspan(2, 4));
  packet.dst = big_endian(h.subspan(6, 4));
  packet.first = static_cast<std::uint16_t>(big_endian(h.subspan(10, 2)));
  packet.second = static_cast<std::uint16_t>(big_endian(h.subspan(12, 2)));
  packet.bytes.resize(big_endian(h.subspan(14, 2)));
  return std::fread(packet.bytes.data(), 1, packet.bytes.size(), stdin) == packet.bytes.size();
}

// ---- the two ends of the router
int open_tun(const char* name) {
  const int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) give_up("/dev/net/tun");
  ifreq request{};
  std::strncpy(request.ifr_name, name, IFNAMSIZ - 1);
  request.ifr_flags = IFF_TUN | IFF_NO_PI;
  if (ioctl(fd, TUNSETIFF, &request) < 0) give_up(name);
  return fd;
}

// An interface drops what it is to send until the kernel has noticed its carrier.
void wait_until_running(const char* name) {
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  ifreq request{};
  std::strncpy(request.ifr_name, name, IFNAMSIZ - 1);
  for (int turn = 0; turn < 500; ++turn) {
    if (ioctl(fd, SIOCGIFFLAGS, &request) < 0) give_up(name);
    if ((request.ifr_flags & IFF_RUNNING) != 0) {
      close(fd);
      return;
    }
    poll(nullptr, 0, 10);
  }
  errno = ENETDOWN;
  give_up(name);
}

// The DSCP of what came out of `fd`, or -1. Waits a moment if nothing is there yet.
int dscp_out_of(int fd) {
  std::array<std::uint8_t, 2048> buffer{};
  int dscp = -1;
  for (bool waited = false;;) {
    const ssize_t got = read(fd, buffer.data(), buffer.size());
    if (got >= 20) {
      dscp = buffer[1] >> 2;
    } else if (got < 0 && errno == EAGAIN) {
      if (dscp >= 0 || waited) return dscp;
      pollfd ready{fd, POLLIN, 0};
      poll(&ready, 1, 50);
      waited = true;
    } else if (got < 0 && errno != EINTR) {
      give_up("read of a TUN interface");
    }
  }
}

// ---- entries
constexpr std::array<std::string_view, 10> kTcpStates = {
    "NONE",       "SYN_SENT", "SYN_RECV",  "ESTABLISHED", "FIN_WAIT",
    "CLOSE_WAIT", "LAST_ACK", "TIME_WAIT", "CLOSE",       "SYN_SENT2"};
constexpr std::array<std::string_view, 9> kSctpStates = {
    "NONE",          "CLOSED",        "COOKIE_WAIT",       "COOKIE_ECHOED", "ESTABLISHED",
    "SHUTDOWN_SENT", "SHUTDOWN_RECD", "SHUTDOWN_ACK_SENT", "HEARTBEAT_SENT"};

std::string_view state_of(const Attributes& entry) {
  const Attributes info = nested(entry, CTA_PROTOINFO);
  if (info.contains(CTA_PROTOINFO_TCP)) {
    const auto state = number(nested(info, CTA_PROTOINFO_TCP), CTA_PROTOINFO_TCP_STATE);
    return state < kTcpStates.size() ? kTcpStates[state] : "?";
  }
  if (info.contains(CTA_PROTOINFO_SCTP)) {
    const auto state = number(nested(info, CTA_PROTOINFO_SCTP), CTA_PROTOINFO_SCTP_STATE);
    return state < kSctpStates.size() ? kSctpStates[state] : "?";
  }
  return {};
}

// The kernel's ids are hashes of where an entry lies, so that one which takes another's place
// may have the same; numbers given here end with the entry.
class Numbers {
 public:
  int of(std::uint32_t id) {
    const auto [found, fresh] = numbers_.try_emplace(id, last_ + 1);
    if (fresh) ++last_;
    return found->second;
  }
  void forget(std::uint32_t id) { numbers_.erase(id); }

 private:
  std::map<std::uint32_t, int> numbers_;
  int last_ = 0;
};

std::string entry_json(const Attributes& entry, Numbers& numbers) {
  std::string out = fmt::format(",\"ct\":{}", numbers.of(number(entry, CTA_ID)));
  if (const auto state = state_of(entry); !state.empty()) {
    out += fmt::format(",\"state\":\"{}\"", state);
  }
  const std::uint32_t status = number(entry, CTA_STATUS);
  out += fmt::format(",\"t\":{},\"f\":\"{}{}\"", number(entry, CTA_TIMEOUT),
                     (status & IPS_SEEN_REPLY) != 0 ? "S" : "",
                     (status & IPS_ASSURED) != 0 ? "A" : "");
  const Attributes info = nested(entry, CTA_PROTOINFO);
  if (info.contains(CTA_PROTOINFO_TCP)) {
    const Attributes tcp = nested(info, CTA_PROTOINFO_TCP);
    // Flags come with their mask (struct nf_ct_tcp_flags); the first byte is the flags.
    out += fmt::format(",\"ws\":[{},{}],\"fl\":[{},{}]",
                       number(tcp, CTA_PROTOINFO_TCP_WSCALE_ORIGINAL),
                       number(tcp, CTA_PROTOINFO_TCP_WSCALE_REPLY),
                       number(tcp, CTA_PROTOINFO_TCP_FLAGS_ORIGINAL) >> 8U,
                       number(tcp, CTA_PROTOINFO_TCP_FLAGS_REPLY) >> 8U);
  } else if (info.contains(CTA_PROTOINFO_SCTP)) {
    const Attributes sctp = nested(info, CTA_PROTOINFO_SCTP);
    out += fmt::format(",\"vtag\":[{},{}]", number(sctp, CTA_PROTOINFO_SCTP_VTAG_ORIGINAL),
                       number(sctp, CTA_PROTOINFO_SCTP_VTAG_REPLY));
  }
  return out;
}

std::string event_json(const nlmsghdr& head, const Attributes& entry, Numbers& numbers) {
  const bool gone = (head.nlmsg_type & 0xffU) == IPCTNL_MSG_CT_DELETE;
  const bool made = (head.nlmsg_flags & (NLM_F_CREATE | NLM_F_EXCL)) != 0;
  const std::uint32_t id = number(entry, CTA_ID);
  std::string out = fmt::format("\"{} {}",
                                gone   ? "DESTROY"
                                : made ? "NEW"
                                       : "UPDATE",
                                numbers.of(id));
  if (const auto state = state_of(entry); !state.empty()) out += fmt::format(" {}", state);
  if (entry.contains(CTA_TIMEOUT)) out += fmt::format(" t={}", number(entry, CTA_TIMEOUT));
  if (gone) {
    numbers.forget(id);
  } else {
    const std::uint32_t status = number(entry, CTA_STATUS);
    if ((status & IPS_SEEN_REPLY) == 0) out += " [UNREPLIED]";
    if ((status & IPS_ASSURED) != 0) out += " [ASSURED]";
  }
  return out + '"';
}

class Conntrack {
 public:
  Conntrack()
      : asking_(open_netlink({})),
        events_(open_netlink(std::array<int, 3>{NFNLGRP_CONNTRACK_NEW, NFNLGRP_CONNTRACK_UPDATE,
                                                NFNLGRP_CONNTRACK_DESTROY})) {}

  // The events since the last call, as the members of a JSON array.
  std::string events() {
    std::string out;
    for (;;) {
      const Bytes bytes = receive(events_, MSG_DONTWAIT);
      if (bytes.empty()) return out;
      each_message(bytes, [&](const nlmsghdr& head, const Attributes& entry) {
        if (head.nlmsg_type >> 8U != NFNL_SUBSYS_CTNETLINK) return;
        if (!out.empty()) out += ',';
        out += event_json(head, entry, numbers_);
      });
    }
  }

  // The entry under a packet's tuple, as further members of a JSON object.
  std::string entry_of(const Packet& packet) {
    ask(packet);
    std::string out = ",\"ct\":null";
    for (bool answered = false; !answered;) {
      each_message(receive(asking_, 0), [&](const nlmsghdr& head, const Attributes& entry) {
        if (head.nlmsg_seq != sequence_) return;
        answered = true;
        if (head.nlmsg_type != NLMSG_ERROR) out = entry_json(entry, numbers_);
      });
    }
    return out;
  }

 private:
  void ask(const Packet& packet) {
    Message get(NFNL_SUBSYS_CTNETLINK << 8U | IPCTNL_MSG_CT_GET, NLM_F_REQUEST, ++sequence_);
    const std::size_t tuple = get.begin(CTA_TUPLE_ORIG);
    const std::size_t ip = get.begin(CTA_TUPLE_IP);
    get.put(CTA_IP_V4_SRC, packet.src, 4);
    get.put(CTA_IP_V4_DST, packet.dst, 4);
    get.end(ip);
    const std::size_t proto = get.begin(CTA_TUPLE_PROTO);
    get.put(CTA_PROTO_NUM, packet.protocol, 1);
    if (packet.protocol == IPPROTO_ICMP) {
      get.put(CTA_PROTO_ICMP_ID, packet.first, 2);
      get.put(CTA_PROTO_ICMP_TYPE, packet.second >> 8U, 1);
      get.put(CTA_PROTO_ICMP_CODE, packet.second & 0xffU, 1);
    } else {
      get.put(CTA_PROTO_SRC_PORT, packet.first, 2);
      get.put(CTA_PROTO_DST_PORT, packet.second, 2);
    }
    get.end(proto);
    get.end(tuple);
    get.send_to(asking_);
  }

  // Empty: nothing there.
  Bytes receive(int fd, int flags) {
    for (;;) {
      const ssize_t got = recv(fd, buffer_.data(), buffer_.size(), flags);
      if (got >= 0) return Bytes(buffer_).first(static_cast<std::size_t>(got));
      if (errno == EAGAIN) return {};
      if (errno != EINTR) give_up("netlink receive");
    }
  }

  template <typename Use>
  static void each_message(Bytes bytes, const Use& use) {
    while (bytes.size() >= NLMSG_HDRLEN) {
      const auto head = read_as<nlmsghdr>(bytes);
      if (head.nlmsg_len < NLMSG_HDRLEN || head.nlmsg_len > bytes.size()) return;
      constexpr std::size_t kFixed = NLMSG_HDRLEN + NLMSG_ALIGN(sizeof(nfgenmsg));
      const bool error = head.nlmsg_type == NLMSG_ERROR;
      use(head, error || head.nlmsg_len < kFixed
                    ? Attributes()
                    : attributes_of(bytes.subspan(kFixed, head.nlmsg_len - kFixed)));
      bytes = bytes.subspan(std::min<std::size_t>(bytes.size(), NLMSG_ALIGN(head.nlmsg_len)));
    }
  }

  int asking_;
  int events_;
  std::uint32_t sequence_ = 0;
  Numbers numbers_;
  std::vector<std::uint8_t> buffer_ = std::vector<std::uint8_t>(std::size_t{1} << 17U);
};

std::int64_t monotonic_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

int run(int argc, char** argv) {
  if (argc != 3) {
    fmt::print(stderr, "usage: kernel_feed INSIDE OUTSIDE < packets > answers\n");
    return 2;
  }
  const std::array<int, 2> ends = {open_tun(argv[1]), open_tun(argv[2])};
  for (const int end : {1, 2}) wait_until_running(argv[end]);
  Conntrack conntrack;
  Packet packet;
  while (read_packet(packet)) {
    if (packet.bytes.empty()) {
      std::fflush(stdout);
      continue;
    }
    conntrack.events();  // what timers did since the last packet is not this one's doing
    const std::int64_t sent = monotonic_ns();
    const int entrance = ends[packet.from_outside ? 1 : 0];
    if (write(entrance, packet.bytes.data(), packet.bytes.size()) < 0) give_up("write");
    const int dscp = dscp_out_of(ends[packet.from_outside ? 0 : 1]);
    const std::string events = conntrack.events();
    fmt::print("{{\"ns\":{}{}{}{}}}\n", sent, dscp < 0 ? "" : fmt::format(",\"dscp\":{}", dscp),
               conntrack.entry_of(packet),
               events.empty() ? "" : fmt::format(",\"ev\":[{}]", events));
  }
  return 0;
}

}  // namespace
}  // namespace lab

int main(int argc, char** argv) {
  return lab::run(argc, argv);
}
