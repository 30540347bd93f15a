#include "interface_setup.h"

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>

#include <fmt/format.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "natlens/net/address.h"
#include "natlens/net/bytes.h"

namespace natlens::replay {
namespace {

Error cannot(std::string_view name, std::string_view what) {
  return Error{fmt::format("{}: cannot {}: {}", name, what, std::strerror(errno))};
}

ifreq request_for(const std::string& name) {
  ifreq request{};
  std::memcpy(request.ifr_name, name.c_str(),
              std::min(name.size(), sizeof request.ifr_name - 1));
  return request;
}

struct Given {
  Address address;
  std::uint8_t bits = 0;
};

Result<Given> parse(std::string_view text) {
  const auto slash = text.find('/');
  const auto address = Address::parse(text.substr(0, slash));
  Given given;
  if (address && slash != std::string_view::npos) {
    given.address = *address;
    const auto digits = text.substr(slash + 1);
    const auto end = digits.data() + digits.size();
    const auto read = std::from_chars(digits.data(), end, given.bits);
    if (read.ec == std::errc() && read.ptr == end &&
        given.bits <= address->bytes().size() * 8) {
      return given;
    }
  }
  return Error{fmt::format(
      "--address '{}' is no address with its prefix; write for example 192.0.2.1/24", text)};
}

// RTM_NEWADDR (rtnetlink(7)).
struct AddressMessage {
  nlmsghdr header;
  ifaddrmsg body;
  std::array<std::uint8_t, 2 * (sizeof(rtattr) + 16)> attributes;
};

void add_attribute(AddressMessage& message, std::uint16_t type, ByteView bytes) {
  rtattr attribute{};
  attribute.rta_type = type;
  attribute.rta_len = static_cast<std::uint16_t>(sizeof attribute + bytes.size());
  auto* at = reinterpret_cast<std::uint8_t*>(&message) + message.header.nlmsg_len;
  std::memcpy(at, &attribute, sizeof attribute);
  std::memcpy(at + sizeof attribute, bytes.data(), bytes.size());
  message.header.nlmsg_len += attribute.rta_len;  // addresses are multiples of four bytes
}

// The errno that the kernel answers with; 0: done.
int exchange(int socket, const AddressMessage& message) {
  if (send(socket, &message, message.header.nlmsg_len, 0) < 0) return errno;
  std::array<std::uint8_t, 1024> answer{};
  const auto got = recv(socket, answer.data(), answer.size(), 0);
  if (got < static_cast<ssize_t>(sizeof(nlmsghdr) + sizeof(nlmsgerr))) return EIO;
  nlmsgerr error{};
  std::memcpy(&error, answer.data() + sizeof(nlmsghdr), sizeof error);
  return -error.error;
}

}  // namespace

Result<InterfaceSetup> InterfaceSetup::of(const std::string& name) {
  const unsigned index = if_nametoindex(name.c_str());
  if (index == 0) return cannot(name, "find the interface");
  FileDescriptor file(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (file.get() < 0) return cannot(name, "open a socket");
  return InterfaceSetup(name, index, std::move(file));
}

Result<void> InterfaceSetup::add_address(std::string_view text) {
  const auto given = parse(text);
  if (!given) return given.error();
  const FileDescriptor netlink(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  if (netlink.get() < 0) return cannot(name_, "open a netlink socket");
  AddressMessage message{};
  message.header.nlmsg_len = NLMSG_LENGTH(sizeof message.body);
  message.header.nlmsg_type = RTM_NEWADDR;
  message.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL;
  message.body.ifa_family = given->address.is_v4() ? AF_INET : AF_INET6;
  message.body.ifa_prefixlen = given->bits;
  message.body.ifa_index = index_;
  add_attribute(message, IFA_LOCAL, given->address.bytes());
  add_attribute(message, IFA_ADDRESS, given->address.bytes());
  errno = exchange(netlink.get(), message);
  if (errno != 0 && errno != EEXIST) {
    return cannot(name_, fmt::format("give it the address {}", text));
  }
  return {};
}

Result<void> InterfaceSetup::set_mtu(std::uint32_t mtu) {
  ifreq request = request_for(name_);
  request.ifr_mtu = static_cast<int>(mtu);
  if (ioctl(socket_.get(), SIOCSIFMTU, &request) != 0) {
    return cannot(name_, fmt::format("set its MTU to {}", mtu));
  }
  return {};
}

Result<void> InterfaceSetup::bring_up() {
  ifreq request = request_for(name_);
  if (ioctl(socket_.get(), SIOCGIFFLAGS, &request) != 0)
    return cannot(name_, "ask for its state");
  if ((request.ifr_flags & IFF_UP) != 0) return {};
  request.ifr_flags = static_cast<short>(request.ifr_flags | IFF_UP);
  if (ioctl(socket_.get(), SIOCSIFFLAGS, &request) != 0) return cannot(name_, "bring it up");
  return {};
}

Result<std::uint32_t> InterfaceSetup::mtu() const {
  ifreq request = request_for(name_);
  if (ioctl(socket_.get(), SIOCGIFMTU, &request) != 0) return cannot(name_, "ask for its MTU");
  return static_cast<std::uint32_t>(request.ifr_mtu);
}

}  // namespace natlens::replay
