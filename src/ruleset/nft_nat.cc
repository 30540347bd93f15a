#include "nft_nat.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "values.h"

namespace natlens::ruleset {
namespace {

class NatReader {
 public:
  NatReader(Cursor& cursor, const Context& context) : cursor_(cursor), context_(context) {}
  NatRead run(Nat& nat);

 private:
  void nat_target(Nat& nat);
  void nat_flags(Nat& nat);
  bool source(Source& source, bool port);
  void constant_target(Nat& nat, const std::string& word);

  Cursor& cursor_;
  const Context& context_;
  bool good_ = true;
};

void NatReader::nat_flags(Nat& nat) {
  for (;;) {
    if (cursor_.accept("random")) {
      nat.random = true;
    } else if (cursor_.accept("fully-random")) {
      nat.fully_random = true;
    } else if (cursor_.accept("persistent")) {
      nat.persistent = true;
    } else if (!cursor_.accept(",")) {
      return;
    }
  }
}

// A look-up ("tcp dport map { 80 : 8080 }") or a constant.
bool NatReader::source(Source& source, bool port) {
  source.present = true;
  if (read_keys(cursor_, context_, source.keys)) {
    if (cursor_.accept("map")) {
      source.map = read_set(cursor_, context_, source.keys);
    }
    return source.map != nullptr;
  }
  Key key;
  key.field = port ? Field::kDstPort : Field::kDst;
  const auto range = read_range(cursor_.peek().text, key);
  if (range) {
    cursor_.take();
    source.constant = *range;
  }
  return range.has_value();
}

// "10.0.0.80:8080", "[2001:db8::1]:80", "10.0.0.1-10.0.0.9", ":5353".
void NatReader::constant_target(Nat& nat, const std::string& word) {
  std::string_view address = word;
  std::string_view port;
  const auto close = word.rfind(']');
  const auto colon = word.rfind(':');
  const bool v6 = std::count(word.begin(), word.end(), ':') > 1;
  if (colon != std::string::npos && (!v6 || (close != std::string::npos && colon > close))) {
    address = std::string_view(word).substr(0, colon);
    port = std::string_view(word).substr(colon + 1);
  }
  Key key;
  key.field = Field::kDst;
  if (!address.empty()) {
    const auto range = read_range(address, key);
    nat.address.present = range.has_value();
    nat.address.constant = range.value_or(Range());
  }
  key.field = Field::kDstPort;
  if (!port.empty()) {
    const auto range = read_range(port, key);
    nat.port.present = range.has_value();
    nat.port.constant = range.value_or(Range());
  }
}

void NatReader::nat_target(Nat& nat) {
  const Token first = cursor_.peek();
  Source lookup;
  const std::size_t start = cursor_.position();
  const std::size_t gaps = context_.out.gaps.size();
  bool good = true;
  if (first.is(":")) {
    // only a port
  } else if (read_keys(cursor_, context_, lookup.keys)) {
    cursor_.back_to(start);
    context_.out.gaps.resize(gaps);
    good = source(nat.address, false);
  } else {
    constant_target(nat, cursor_.take().text);
    good = nat.address.present || nat.port.present;
    if (cursor_.accept(".")) {
      good = good && source(nat.port, true);
    }
  }
  if (good && cursor_.accept(":")) {
    good = source(nat.port, true);
  }
  if (!good) {
    context_.gap(first, fmt::format("target '{}' is not understood", first.text));
    good_ = false;
  }
}

NatRead NatReader::run(Nat& nat) {
  const Token& first = cursor_.peek();
  static constexpr auto kNames =
      std::to_array<std::pair<std::string_view, NatType>>({{"snat", NatType::kSnat},
                                                           {"dnat", NatType::kDnat},
                                                           {"masquerade", NatType::kMasquerade},
                                                           {"redirect", NatType::kRedirect}});
  const auto* name = std::find_if(kNames.begin(), kNames.end(),
                                  [&](const auto& n) { return first.is(n.first); });
  if (name == kNames.end()) {
    return NatRead::kNone;
  }
  cursor_.take();
  nat.type = name->second;
  while (cursor_.peek().is("ip") || cursor_.peek().is("ip6") || cursor_.peek().is("prefix") ||
         cursor_.peek().is("interval") || cursor_.peek().is("addr") || cursor_.peek().is(".") ||
         cursor_.peek().is("port")) {
    nat.netmap = nat.netmap || cursor_.peek().is("prefix");
    cursor_.take();
  }
  if (cursor_.accept("to")) {
    nat_target(nat);
  }
  nat_flags(nat);
  if (cursor_.accept("base")) {
    nat.port_base = static_cast<std::uint16_t>(read_number(cursor_.take().text).value_or(0));
  }
  return good_ ? NatRead::kYes : NatRead::kUnknown;
}

}  // namespace

NatRead read_nat(Cursor& cursor, const Context& context, Nat& nat) {
  return NatReader(cursor, context).run(nat);
}

}  // namespace natlens::ruleset
