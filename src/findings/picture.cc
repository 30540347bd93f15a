#include "picture.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace natlens::findings {
namespace {

std::uint64_t frame_key(const FrameRef& frame) {
  return static_cast<std::uint64_t>(frame.file) << 32 | frame.number;
}

std::uint64_t note_key(const FrameRef& frame, stream::NoteKind kind) {
  return frame_key(frame) ^ static_cast<std::uint64_t>(kind) << 56;
}

}  // namespace

void Groups::build(std::size_t groups,
                   const std::vector<std::uint32_t>& group_of,
                   std::uint32_t per_item) {
  starts_.assign(groups + 1, 0);
  for (const std::uint32_t group : group_of) {
    if (group != kNone) ++starts_[group + 1];
  }
  std::partial_sum(starts_.begin(), starts_.end(), starts_.begin());
  items_.resize(starts_.back());
  std::vector<std::uint32_t> next(starts_.begin(), starts_.end() - 1);
  for (std::uint32_t i = 0; i < group_of.size(); ++i) {
    if (group_of[i] != kNone) items_[next[group_of[i]]++] = i / per_item;
  }
}

std::span<const std::uint32_t> Groups::operator[](std::uint32_t group) const {
  if (std::size_t{group} + 1 >= starts_.size()) return {};
  return std::span(items_).subspan(starts_[group], starts_[group + 1] - starts_[group]);
}

Picture::Picture(Rows rows) : rows_(std::move(rows)) {
  const std::size_t count = rows_.connections.size();
  for (std::uint32_t i = 0; i < count; ++i) connection_.emplace(rows_.connections[i].id, i);
  std::vector<std::uint32_t> groups;
  for (const Note& note : rows_.notes) groups.push_back(note.connection);
  notes_of_.build(count, groups);
  groups.clear();
  for (const Invalid& row : rows_.invalid) groups.push_back(row.connection);
  invalid_of_.build(count, groups);
  // A translation belongs to both of its connections.
  groups.clear();
  for (std::uint32_t i = 0; i < rows_.translations.size(); ++i) {
    translation_.emplace(rows_.translations[i].id, i);
    Translation& t = rows_.translations[i];
    if (const Nat* nat =
            nat_between(rows_.connections[t.inside].tap, rows_.connections[t.outside].tap)) {
      t.nat = nat->id;
    }
    groups.push_back(t.inside);
    groups.push_back(t.outside == t.inside ? kNone : t.outside);
  }
  translations_of_.build(count, groups, 2);
  for (std::uint32_t i = 0; i < rows_.fates.size(); ++i) {
    auto& range = fates_.try_emplace(rows_.fates[i].translation, i, i).first->second;
    range.second = i + 1;
    fate_at_.emplace(frame_key(rows_.fates[i].frame), i);
  }
  for (std::uint32_t i = 0; i < rows_.invalid.size(); ++i) {
    refused_at_.emplace(frame_key(rows_.invalid[i].frame), i);
  }
  for (std::uint32_t i = 0; i < rows_.notes.size(); ++i) {
    noted_at_.emplace(note_key(rows_.notes[i].frame, rows_.notes[i].packet.kind), i);
  }
  join_flows();
  find_addresses();
}

void Picture::join_flows() {
  flows_.resize(rows_.connections.size());
  std::iota(flows_.begin(), flows_.end(), 0U);
  const auto root = [&](std::uint32_t i) {
    while (flows_[i] != i) i = flows_[i] = flows_[flows_[i]];
    return i;
  };
  for (const Translation& t : rows_.translations) {
    if (t.kind == correlate::TranslationKind::kTunnel) continue;  // a carrier has many inside
    const std::uint32_t a = root(t.inside);
    const std::uint32_t b = root(t.outside);
    flows_[std::max(a, b)] = std::min(a, b);
  }
  for (std::uint32_t i = 0; i < flows_.size(); ++i) flows_[i] = root(i);
}

void Picture::find_addresses() {
  for (const Nat& nat : rows_.nats) {
    if (nat.relation != nat::Relation::kNat && nat.relation != nat::Relation::kUserNat)
      continue;
    external_.insert(nat.external_addresses.begin(), nat.external_addresses.end());
  }
  using Kind = correlate::TranslationKind;
  for (const Translation& t : rows_.translations) {
    const Tuple& inside = rows_.connections[t.inside].original;
    const Tuple& outside = rows_.connections[t.outside].original;
    const bool turned = t.reversed && !rows_.connections[t.inside].beginning_seen;
    if (t.kind == Kind::kSnat || t.kind == Kind::kNpt || t.kind == Kind::kNat64) {
      const Address& host = turned ? inside.dst : inside.src;
      if (host == outside.src) continue;
      inside_.insert(host);
      prefixes_.emplace(rows_.connections[t.inside].tap, prefix_of(host));
    } else if (t.kind == Kind::kDnat) {
      inside_.insert(turned ? inside.src : inside.dst);
      external_.insert(outside.dst);
    }
  }
}

const Tap* Picture::tap(std::int64_t id) const {
  for (const Tap& tap : rows_.taps) {
    if (tap.id == id) return &tap;
  }
  return nullptr;
}

const Nat* Picture::nat(std::int64_t id) const {
  for (const Nat& nat : rows_.nats) {
    if (nat.id == id) return &nat;
  }
  return nullptr;
}

const Nat* Picture::nat_between(std::int64_t tap, std::int64_t other) const {
  for (const Nat& nat : rows_.nats) {
    if (nat.inside_tap == tap && nat.outside_tap == other) return &nat;
  }
  for (const Nat& nat : rows_.nats) {
    if (nat.inside_tap == other && nat.outside_tap == tap) return &nat;
  }
  return nullptr;
}

std::uint32_t Picture::connection(std::int64_t id) const {
  const auto found = connection_.find(id);
  return found == connection_.end() ? kNone : found->second;
}

std::uint32_t Picture::translation(std::int64_t id) const {
  const auto found = translation_.find(id);
  return found == translation_.end() ? kNone : found->second;
}

std::span<const std::uint32_t> Picture::translations_of(std::uint32_t connection) const {
  return translations_of_[connection];
}

std::span<const std::uint32_t> Picture::notes_of(std::uint32_t connection) const {
  return notes_of_[connection];
}

std::span<const std::uint32_t> Picture::invalid_of(std::uint32_t connection) const {
  return invalid_of_[connection];
}

std::span<const Fate> Picture::fates_of(const Translation& translation) const {
  const auto found = fates_.find(translation.id);
  if (found == fates_.end()) return {};
  return std::span(rows_.fates)
      .subspan(found->second.first, found->second.second - found->second.first);
}

const Fate* Picture::fate_of(const FrameRef& frame) const {
  const auto found = fate_at_.find(frame_key(frame));
  return found == fate_at_.end() ? nullptr : &rows_.fates[found->second];
}

const Invalid* Picture::refusal_of(const FrameRef& frame) const {
  const auto found = refused_at_.find(frame_key(frame));
  return found == refused_at_.end() ? nullptr : &rows_.invalid[found->second];
}

const Note* Picture::note_of(const FrameRef& frame, stream::NoteKind kind) const {
  const auto found = noted_at_.find(note_key(frame, kind));
  return found == noted_at_.end() ? nullptr : &rows_.notes[found->second];
}

std::string Picture::name(std::int64_t id) const {
  const Tap* found = tap(id);
  return found == nullptr ? std::string("?") : found->name;
}

std::string prefix_of(const Address& address) {
  const auto bytes = address.bytes();
  const std::size_t keep = address.is_v4() ? 3 : std::min<std::size_t>(8, bytes.size());
  return {reinterpret_cast<const char*>(bytes.data()), keep};
}

}  // namespace natlens::findings
