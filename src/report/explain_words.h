// The classes of connection tracking and the reasons of INVALID, in words.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "natlens/conntrack/records.h"

namespace natlens::report {

// What a reason means, as a sentence without a full stop.
std::string_view invalid_words(std::string_view reason);

// The arithmetic of a reason that has one.
struct Arithmetic {
  std::string reason;  // conntrack::to_string(InvalidReason)
  std::uint32_t value = 0;
  std::uint32_t bound = 0;
  std::uint32_t excess = 0;
  std::string bound_frame;  // "lan.pcap:12"; "" = not known
};
// "sequence number 5001 is 1001 above 4000, the bound that lan.pcap:12 set"; "" if there is
// none.
std::string arithmetic_text(const Arithmetic& arithmetic);

// What follows for a router from a reason; "" if there is nothing to say.
std::string_view invalid_advice(std::string_view reason);

}  // namespace natlens::report
