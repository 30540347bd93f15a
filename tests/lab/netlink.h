// What kernel_feed needs of netlink (RFC 3549, linux/netlink.h): sockets, messages being put
// together, attributes being taken apart. Whatever fails ends the program.
#pragma once

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <map>
#include <span>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <sys/socket.h>

namespace lab {

using Bytes = std::span<const std::uint8_t>;

[[noreturn]] inline void give_up(std::string_view what) {
  fmt::print(stderr, "kernel_feed: {}: {}\n", what, std::strerror(errno));
  std::exit(2);
}

inline std::uint32_t big_endian(Bytes bytes) {
  std::uint32_t value = 0;
  for (const std::uint8_t byte : bytes) value = value << 8U | byte;
  return value;
}

inline void append_big_endian(std::vector<std::uint8_t>& out,
                              std::uint32_t value,
                              unsigned bytes) {
  for (unsigned left = bytes; left > 0; --left) {
    out.push_back(static_cast<std::uint8_t>(value >> (8 * (left - 1))));
  }
}

template <typename T>
T read_as(Bytes bytes) {
  T value{};
  std::memcpy(&value, bytes.data(), std::min(sizeof value, bytes.size()));
  return value;
}

using Attributes = std::map<int, Bytes>;

inline Attributes attributes_of(Bytes bytes) {
  Attributes out;
  while (bytes.size() >= NLA_HDRLEN) {
    const auto head = read_as<nlattr>(bytes);
    if (head.nla_len < NLA_HDRLEN || head.nla_len > bytes.size()) break;
    out[head.nla_type & NLA_TYPE_MASK] =
        bytes.subspan(NLA_HDRLEN, head.nla_len - std::size_t{NLA_HDRLEN});
    bytes = bytes.subspan(std::min<std::size_t>(bytes.size(), NLA_ALIGN(head.nla_len)));
  }
  return out;
}

inline Attributes nested(const Attributes& all, int type) {
  const auto found = all.find(type);
  return found == all.end() ? Attributes() : attributes_of(found->second);
}

// Integers in ctnetlink are big endian, whatever their size; 0 if it is not there.
inline std::uint32_t number(const Attributes& all, int type) {
  const auto found = all.find(type);
  return found == all.end() ? 0 : big_endian(found->second);
}

inline int open_netlink(std::span<const int> groups) {
  const int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
  if (fd < 0) give_up("netlink socket");
  const int bytes = 8 << 20;
  setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes);
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  if (bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0) {
    give_up("netlink bind");
  }
  for (const int group : groups) {
    if (setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) < 0) {
      give_up("conntrack events");
    }
  }
  return fd;
}

// A message being put together; attributes are nested by begin() and end().
class Message {
 public:
  Message(std::uint16_t type, std::uint16_t flags, std::uint32_t sequence) {
    nlmsghdr head{};
    head.nlmsg_type = type;
    head.nlmsg_flags = flags;
    head.nlmsg_seq = sequence;
    nfgenmsg family{};
    family.nfgen_family = AF_INET;
    family.version = NFNETLINK_V0;
    append(&head, sizeof head);
    append(&family, sizeof family);
  }
  std::size_t begin(int type) {
    const std::size_t start = bytes_.size();
    const nlattr head{0, static_cast<std::uint16_t>(type | NLA_F_NESTED)};
    append(&head, sizeof head);
    return start;
  }
  void end(std::size_t start) {
    const auto length = static_cast<std::uint16_t>(bytes_.size() - start);
    std::memcpy(&bytes_[start], &length, sizeof length);
  }
  void put(int type, std::uint32_t value, unsigned bytes) {
    const std::size_t start = bytes_.size();
    const nlattr head{0, static_cast<std::uint16_t>(type)};
    append(&head, sizeof head);
    append_big_endian(bytes_, value, bytes);
    end(start);
    bytes_.resize(NLMSG_ALIGN(bytes_.size()));
  }
  void send_to(int fd) {
    const auto length = static_cast<std::uint32_t>(bytes_.size());
    std::memcpy(bytes_.data(), &length, sizeof length);
    if (send(fd, bytes_.data(), bytes_.size(), 0) < 0) give_up("netlink send");
  }

 private:
  void append(const void* data, std::size_t size) {
    const auto* bytes = static_cast<const std::uint8_t*>(data);
    bytes_.insert(bytes_.end(), bytes, bytes + size);
  }
  std::vector<std::uint8_t> bytes_;
};

}  // namespace lab
