#include "route.h"

#include <algorithm>
#include <charconv>

namespace natlens::ruleset {
namespace {

bool is_own(const std::vector<Interface>& interfaces, const Address& address) {
  return std::any_of(interfaces.begin(), interfaces.end(), [&](const Interface& i) {
    return std::find(i.addresses.begin(), i.addresses.end(), address) != i.addresses.end();
  });
}

bool is_link_local(const Address& address) {
  const auto bytes = address.bytes();
  return address.is_v6() && bytes[0] == 0xfe && (bytes[1] & 0xc0U) == 0x80;
}

}  // namespace

bool Prefix::contains(const Address& other) const {
  if (other.family() != address.family()) {
    return false;
  }
  const auto a = address.bytes();
  const auto b = other.bytes();
  unsigned left = bits;
  for (std::size_t i = 0; i < a.size() && left > 0; ++i) {
    const unsigned take = std::min(left, 8U);
    if (((a[i] ^ b[i]) & (0xff00U >> take) & 0xffU) != 0) {
      return false;
    }
    left -= take;
  }
  return true;
}

std::optional<Prefix> parse_prefix(std::string_view text) {
  const auto slash = text.find('/');
  const auto address = Address::parse(text.substr(0, slash));
  if (!address) {
    return std::nullopt;
  }
  const auto all = static_cast<unsigned>(address->bytes().size() * 8);
  Prefix prefix{*address, all};
  if (slash != std::string_view::npos) {
    const auto digits = text.substr(slash + 1);
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), prefix.bits);
    if (error != std::errc() || end != digits.data() + digits.size() || prefix.bits > all) {
      return std::nullopt;
    }
  }
  return prefix;
}

Route find_route(const std::vector<Interface>& interfaces, const Address& destination) {
  if (is_own(interfaces, destination)) {
    return {Route::Kind::kLocal, 0};
  }
  if (destination.is_multicast() || is_link_local(destination)) {
    return {};
  }
  Route best;
  int longest = -1;
  for (unsigned i = 0; i < interfaces.size(); ++i) {
    for (const Prefix& prefix : interfaces[i].behind) {
      if (prefix.contains(destination) && static_cast<int>(prefix.bits) > longest) {
        longest = static_cast<int>(prefix.bits);
        best = {Route::Kind::kForward, i};
      }
    }
  }
  return best;
}

std::uint32_t type_of(const std::vector<Interface>& interfaces, const Address& address) {
  if (is_own(interfaces, address)) return address_type::kLocal;
  if (address.is_v4() && address.v4_host_order() == 0xffffffffU)
    return address_type::kBroadcast;
  if (address.is_multicast()) return address_type::kMulticast;
  return address_type::kUnicast;
}

Address own_address(const Interface& interface, Family family) {
  const auto found =
      std::find_if(interface.addresses.begin(), interface.addresses.end(),
                   [&](const Address& a) { return a.family() == family && !is_link_local(a); });
  return found == interface.addresses.end() ? Address() : *found;
}

}  // namespace natlens::ruleset
