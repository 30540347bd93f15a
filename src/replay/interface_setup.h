// Setting up a network interface of this machine: addresses, MTU, up.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "natlens/net/result.h"
#include "natlens/replay/tun.h"

namespace natlens::replay {

class InterfaceSetup {
 public:
  // The interface of that name; an error where there is none.
  static Result<InterfaceSetup> of(const std::string& name);

  // "192.0.2.1/24", "2001:db8::1/64"; one that it has already is fine.
  Result<void> add_address(std::string_view text);
  Result<void> set_mtu(std::uint32_t mtu);
  // Nothing to do, and no right needed, where it is up.
  Result<void> bring_up();
  Result<std::uint32_t> mtu() const;

 private:
  InterfaceSetup(std::string name, unsigned index, FileDescriptor socket)
      : name_(std::move(name)), index_(index), socket_(std::move(socket)) {}

  std::string name_;
  unsigned index_;
  FileDescriptor socket_;
};

}  // namespace natlens::replay
