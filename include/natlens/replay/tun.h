// A TUN device (Linux, /dev/net/tun): what the kernel routes into it is read here, and what is
// written here arrives in the kernel as from a link.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "natlens/net/address.h"
#include "natlens/net/result.h"

namespace natlens::replay {

// An open file that is closed with its owner.
class FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int fd) : fd_(fd) {}
  ~FileDescriptor();
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
  FileDescriptor& operator=(FileDescriptor&& other) noexcept;
  int get() const { return fd_; }

 private:
  int fd_ = -1;
};

struct TunOptions {
  std::string name;                    // "%d" in it: the kernel counts
  std::vector<std::string> addresses;  // "192.0.2.1/24": given to the device, which is set up
  std::uint32_t mtu = 0;               // 0: as it is
  bool offload = true;                 // TCP in pieces of up to 64 KiB, where the kernel can
};

struct Tun {
  FileDescriptor file;  // does not block
  std::string name;
  std::uint32_t mtu = 0;
  bool offload = false;  // packets have a virtio_net_hdr in front
};

// Attaches to the device, or makes it. It is brought up if addresses or an MTU were given or it
// was not there; one that somebody else has made and set up (`ip tuntap add ... user`) needs no
// right. Errors name what is missing.
Result<Tun> open_tun(const TunOptions& options);

}  // namespace natlens::replay
