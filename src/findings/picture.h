// The rows of a capture with what rules ask of them: who belongs to whom.
#pragma once

#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <absl/container/flat_hash_map.h>

#include "natlens/findings/records.h"

namespace natlens::findings {

// The /24 of an IPv4 address, the /64 of an IPv6 one, as bytes.
std::string prefix_of(const Address& address);

// Lists of indexes grouped by a small number, in the order in which they were added.
class Groups {
 public:
  // `per_item` group numbers follow each other for one item.
  void build(std::size_t groups,
             const std::vector<std::uint32_t>& group_of,
             std::uint32_t per_item = 1);
  std::span<const std::uint32_t> operator[](std::uint32_t group) const;

 private:
  std::vector<std::uint32_t> starts_;
  std::vector<std::uint32_t> items_;
};

class Picture {
 public:
  explicit Picture(Rows rows);

  const std::vector<Tap>& taps() const { return rows_.taps; }
  const std::vector<Connection>& connections() const { return rows_.connections; }
  const std::vector<Translation>& translations() const { return rows_.translations; }
  const std::vector<Note>& notes() const { return rows_.notes; }
  const std::vector<Invalid>& invalid() const { return rows_.invalid; }
  const std::vector<Fate>& fates() const { return rows_.fates; }
  const std::vector<Nat>& nats() const { return rows_.nats; }
  const std::vector<Behaviour>& behaviours() const { return rows_.behaviours; }
  const std::vector<Mapping>& mappings() const { return rows_.mappings; }
  const std::vector<Carrier>& carriers() const { return rows_.carriers; }
  const std::vector<Tunnelled>& tunnelled() const { return rows_.tunnelled; }
  const std::vector<Statement>& statements() const { return rows_.statements; }
  bool complete() const { return rows_.complete; }

  // By id: nullptr, kNone if the picture has it not.
  const Tap* tap(std::int64_t id) const;
  const Nat* nat(std::int64_t id) const;
  const Nat* nat_between(std::int64_t tap, std::int64_t other) const;  // either way round
  std::uint32_t connection(std::int64_t id) const;
  std::uint32_t translation(std::int64_t id) const;

  // What belongs to a connection (by its index): indexes into the lists.
  std::span<const std::uint32_t> translations_of(std::uint32_t connection) const;
  std::span<const std::uint32_t> notes_of(std::uint32_t connection) const;
  std::span<const std::uint32_t> invalid_of(std::uint32_t connection) const;
  std::span<const Fate> fates_of(const Translation& translation) const;
  std::uint32_t partner(const Translation& translation, std::uint32_t connection) const {
    return translation.inside == connection ? translation.outside : translation.inside;
  }
  // The same for all connections that translations join: one traffic at all taps.
  std::uint32_t flow(std::uint32_t connection) const { return flows_[connection]; }

  // Fate of a frame in a translation of its connection: nullptr if it passed, or nothing is
  // known.
  const Fate* fate_of(const FrameRef& frame) const;

  // Tracking refused this frame; the reason, or nullptr.
  const Invalid* refusal_of(const FrameRef& frame) const;
  // The note of this kind about this frame, or nullptr.
  const Note* note_of(const FrameRef& frame, stream::NoteKind kind) const;

  // An address outside that some NAT of the capture translates to.
  bool is_external(const Address& address) const { return external_.contains(address); }
  // A host that some NAT hides.
  bool is_inside_host(const Address& address) const { return inside_.contains(address); }
  // In the /24 (IPv6: /64) of a host that a NAT hides whose inside is this tap.
  bool is_inside_prefix(std::int64_t tap, const Address& address) const {
    return prefixes_.contains({tap, prefix_of(address)});
  }

  std::string name(std::int64_t tap) const;  // of a tap

 private:
  void join_flows();
  void find_addresses();

  Rows rows_;
  absl::flat_hash_map<std::int64_t, std::uint32_t> connection_;
  absl::flat_hash_map<std::int64_t, std::uint32_t> translation_;
  Groups translations_of_;
  Groups notes_of_;
  Groups invalid_of_;
  std::vector<std::uint32_t> flows_;
  absl::flat_hash_map<std::int64_t, std::pair<std::uint32_t, std::uint32_t>> fates_;
  absl::flat_hash_map<std::uint64_t, std::uint32_t> fate_at_;  // by file and frame
  absl::flat_hash_map<std::uint64_t, std::uint32_t> refused_at_;
  absl::flat_hash_map<std::uint64_t, std::uint32_t> noted_at_;  // and kind
  std::set<Address> external_;
  std::set<Address> inside_;
  std::set<std::pair<std::int64_t, std::string>> prefixes_;  // by tap
};

}  // namespace natlens::findings
