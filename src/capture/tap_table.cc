// See tap_table.h. The common case, a frame of a known interface, is one load.

#include "tap_table.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "link_hints.h"

namespace natlens::capture {
namespace {

// Taps are few; a hostile file that makes up interfaces gets one tap for all further ones.
constexpr std::size_t kMaxTaps = 1024;
constexpr std::size_t kMaxSeen = 64;

// How people call an interface of a file.
std::string label_of(const InterfaceInfo& info, const std::string& sub) {
  if (!sub.empty()) return sub;
  if (info.name.empty()) return fmt::format("{}", info.index);
  return info.occurrence == 0 ? info.name
                              : fmt::format("{}#{}", info.name, info.occurrence + 1);
}

// Names come from files and go to terminals.
std::string printable(std::string text) {
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  }
  return text;
}

}  // namespace

void TapTable::add_leading(const std::vector<InterfaceInfo>& interfaces, std::size_t count) {
  for (std::size_t i = 0; i < std::min(count, interfaces.size()); ++i) {
    const InterfaceInfo& info = interfaces[i];
    leading_.emplace(info.name, info.name.empty() ? info.index : info.occurrence, "");
    several_ = several_ || leading_.size() > 1 || tells_interface(info.link_type);
  }
}

void TapTable::begin_file() {
  current_.clear();
  ++file_;
}

std::int32_t TapTable::tap_of(Frame& frame, const std::vector<InterfaceInfo>& interfaces) {
  if (current_.size() <= frame.interface) current_.resize(interfaces.size());
  if (frame.link_type != kLinkEthernet) {
    const LinkHints hints = read_link_hints(frame.link_type, frame.bytes);
    if (frame.direction == FrameDirection::kUnknown) frame.direction = hints.direction;
    if (hints.interface[0] != 0) return sub_tap_of(frame, hints.interface, interfaces);
  }
  std::int32_t& tap = current_[frame.interface].tap;
  if (tap == kUnknown) {
    const InterfaceInfo& info = interfaces[frame.interface];
    tap = is_selected(info, frame.interface, "") ? find_or_add(frame, info, "") : kNotSelected;
  }
  return tap;
}

std::int32_t TapTable::sub_tap_of(const Frame& frame,
                                  const SubName& name,
                                  const std::vector<InterfaceInfo>& interfaces) {
  InterfaceTaps& known = current_[frame.interface];
  if (known.last_sub < known.sub.size() && known.sub[known.last_sub].name == name) {
    return known.sub[known.last_sub].tap;
  }
  auto place =
      std::lower_bound(known.sub.begin(), known.sub.end(), name,
                       [](const SubTap& sub, const SubName& n) { return sub.name < n; });
  if (place == known.sub.end() || place->name != name) {
    const InterfaceInfo& info = interfaces[frame.interface];
    if (known.sub.size() >= kMaxTaps) return find_or_add(frame, info, "more");
    const std::string text(name.data(), ::strnlen(name.data(), name.size()));
    const bool wanted = is_selected(info, frame.interface, text);
    place =
        known.sub.insert(place, {name, wanted ? find_or_add(frame, info, text) : kNotSelected});
  }
  known.last_sub = static_cast<std::size_t>(place - known.sub.begin());
  return place->tap;
}

std::int32_t TapTable::find_or_add(const Frame& frame,
                                   const InterfaceInfo& info,
                                   const std::string& sub) {
  Place place{info.name, info.name.empty() ? info.index : info.occurrence, sub};
  const auto known = by_place_.find(place);
  if (known != by_place_.end()) return known->second;
  if (taps_.size() >= kMaxTaps) {
    if (!full_) taps_.back().name = tap_name("more");
    full_ = true;
    return static_cast<std::int32_t>(taps_.size() - 1);
  }
  TapInfo tap;
  tap.name = tap_name(printable(label_of(info, sub)));
  tap.interface = printable(sub.empty() ? info.name : sub);
  tap.link_type = frame.link_type;
  tap.snaplen = info.snaplen;
  tap.filter = info.filter;
  tap.comment = info.comment;
  tap.description = info.description;
  tap.addresses = info.addresses;
  tap.ifindex = sub.empty() ? info.ifindex : 0;
  if (frame.link_type == kLinkSll2 && sub.size() > 2) {
    std::from_chars(sub.data() + 2, sub.data() + sub.size(), tap.ifindex);
  }
  const std::size_t index = taps_.size();
  taps_.push_back(std::move(tap));
  drops_.emplace_back();
  by_place_.emplace(std::move(place), static_cast<std::int32_t>(index));
  apply_drops(index, frame.interface, info);
  return static_cast<std::int32_t>(index);
}

// A pcapng's interface by name or index over all sections; what frames tell by name or ifindex.
bool TapTable::is_selected(const InterfaceInfo& info,
                           std::uint32_t index,
                           const std::string& sub) {
  if (selected_.empty()) return true;
  if (seen_.size() < kMaxSeen) seen_.insert(printable(label_of(info, sub)));
  const std::string own = label_of(info, "");
  if (sub.empty()) return selected_ == own || selected_ == fmt::format("{}", index);
  return selected_ == sub || "if" + selected_ == sub ||
         (!info.name.empty() && selected_ == own);
}

std::string TapTable::tap_name(const std::string& label) const {
  const auto taken = [&](const std::string& name) {
    return std::any_of(taps_.begin(), taps_.end(),
                       [&](const TapInfo& tap) { return tap.name == name; });
  };
  const bool plain = selected_.empty() ? !several_ : true;
  if (plain && !taken(base_)) return base_;
  std::string name = fmt::format("{}/{}", base_, label);
  for (int i = 2; taken(name); ++i) name = fmt::format("{}/{}#{}", base_, label, i);
  return name;
}

void TapTable::update_drops(std::uint32_t interface, const InterfaceInfo& info) {
  if (interface >= current_.size()) return;
  // Of a capture of several interfaces nobody knows which one lost: each may have.
  const InterfaceTaps& known = current_[interface];
  if (known.tap >= 0) apply_drops(static_cast<std::size_t>(known.tap), interface, info);
  for (const SubTap& sub : known.sub) {
    if (sub.tap >= 0) apply_drops(static_cast<std::size_t>(sub.tap), interface, info);
  }
}

void TapTable::apply_drops(std::size_t tap,
                           std::uint32_t interface,
                           const InterfaceInfo& info) {
  const std::uint64_t told = std::max(info.drops_counted, info.drops_reported);
  if (told == 0) return;
  Drops& drops = drops_[tap];
  const bool same_place = drops.file == file_ && drops.interface == interface;
  const bool goes_on =
      info.has_stats_start && drops.has_start && drops.start == info.stats_start;
  if (!same_place && !goes_on) {
    drops.before += drops.current;
    drops.current = 0;
  }
  drops.current = std::max(drops.current, told);
  drops.start = info.stats_start;
  drops.has_start = info.has_stats_start;
  drops.file = file_;
  drops.interface = interface;
  taps_[tap].dropped = drops.before + drops.current;
}

}  // namespace natlens::capture
