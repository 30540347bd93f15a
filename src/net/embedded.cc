#include "natlens/net/embedded.h"

#include <algorithm>

namespace natlens {
namespace {

// Byte 8 is left out, and is zero but under /96.
constexpr std::array<EmbeddedForm, 6> kForms{{{96, {12, 13, 14, 15}},
                                              {64, {9, 10, 11, 12}},
                                              {56, {7, 9, 10, 11}},
                                              {48, {6, 7, 9, 10}},
                                              {40, {5, 6, 7, 9}},
                                              {32, {4, 5, 6, 7}}}};

}  // namespace

std::span<const EmbeddedForm> embedded_forms() {
  return kForms;
}

const EmbeddedForm* embedded_form(unsigned prefix_bits) {
  const auto found = std::find_if(kForms.begin(), kForms.end(), [&](const EmbeddedForm& form) {
    return form.prefix_bits == prefix_bits;
  });
  return found == kForms.end() ? nullptr : &*found;
}

Address extract_embedded(const Address& v6, const EmbeddedForm& form) {
  const auto outer = v6.bytes();
  std::array<std::uint8_t, 4> inner{};
  for (std::size_t i = 0; i < inner.size(); ++i) inner[i] = outer[form.places[i]];
  return Address::v4(inner);
}

Address embed(const Address& prefix, const Address& v4, const EmbeddedForm& form) {
  std::array<std::uint8_t, 16> out{};
  std::copy_n(prefix.bytes().begin(), form.prefix_bits / 8, out.begin());
  for (std::size_t i = 0; i < 4; ++i) out[form.places[i]] = v4.bytes()[i];
  return Address::v6(out);
}

}  // namespace natlens
