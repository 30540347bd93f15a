#include "natlens/replay/tun.h"

#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "interface_setup.h"

namespace natlens::replay {
namespace {

constexpr const char* kDevice = "/dev/net/tun";

Error cannot(std::string_view name, std::string_view what, std::string_view advice = {}) {
  return Error{fmt::format("{}: {}: {}{}", name, what, std::strerror(errno), advice)};
}

// Ordinary segments of TCP in one piece, with checksums to be computed; a kernel that cannot
// says so, and then all comes in pieces.
bool ask_for_offload(int fd) {
  const unsigned wanted = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;
  return ioctl(fd, TUNSETOFFLOAD, wanted) == 0;
}

Result<void> attach(int fd, const TunOptions& options, Tun& tun) {
  ifreq request{};
  if (options.name.empty() || options.name.size() >= sizeof request.ifr_name) {
    return Error{fmt::format("--tun '{}': a device's name has 1 to {} characters", options.name,
                             sizeof request.ifr_name - 1)};
  }
  std::memcpy(request.ifr_name, options.name.c_str(), options.name.size());
  request.ifr_flags =
      static_cast<short>(IFF_TUN | IFF_NO_PI | (options.offload ? IFF_VNET_HDR : 0));
  if (ioctl(fd, TUNSETIFF, &request) != 0) {
    if (errno == EPERM) {
      return cannot(options.name, "cannot open the TUN device",
                    "; run as root or with CAP_NET_ADMIN, or let root make it for you: ip "
                    "tuntap add dev NAME mode tun user YOU");
    }
    if (errno == EBUSY) {
      return cannot(options.name, "cannot open the TUN device", "; another program has it");
    }
    return cannot(options.name, "cannot open the TUN device");
  }
  tun.name = request.ifr_name;
  tun.offload = options.offload;
  // What a program before us had asked for stays with a device that stays.
  if (options.offload ? !ask_for_offload(fd) : ioctl(fd, TUNSETOFFLOAD, 0) != 0) {
    ioctl(fd, TUNSETOFFLOAD, 0);
  }
  return {};
}

}  // namespace

FileDescriptor::~FileDescriptor() {
  if (fd_ >= 0) ::close(fd_);
}
FileDescriptor& FileDescriptor::operator=(FileDescriptor&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

Result<Tun> open_tun(const TunOptions& options) {
  Tun tun;
  tun.file = FileDescriptor(::open(kDevice, O_RDWR | O_NONBLOCK | O_CLOEXEC));
  if (tun.file.get() < 0) {
    return cannot(kDevice, "cannot open",
                  errno == ENOENT   ? "; the kernel module tun is not loaded"
                  : errno == EACCES ? "; run as root, or have it open for all, as udev does"
                                    : "");
  }
  if (auto attached = attach(tun.file.get(), options, tun); !attached) return attached.error();
  auto setup = InterfaceSetup::of(tun.name);
  if (!setup) return setup.error();
  for (const std::string& address : options.addresses) {
    if (auto added = setup->add_address(address); !added) return added.error();
  }
  if (options.mtu != 0) {
    if (auto set = setup->set_mtu(options.mtu); !set) return set.error();
  }
  if (auto up = setup->bring_up(); !up) return up.error();
  const auto mtu = setup->mtu();
  if (!mtu) return mtu.error();
  tun.mtu = *mtu;
  return tun;
}

}  // namespace natlens::replay
