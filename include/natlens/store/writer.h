// Writes one analysis into one SQLite file. One thread at a time. A transaction a second (of
// flush() calls), indexes at finish(). A killed run leaves a valid database whose meta row
// `complete` is 0.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "natlens/findings/records.h"
#include "natlens/net/result.h"
#include "natlens/store/records.h"

namespace natlens::store {

enum class TranslationOrder : std::uint8_t {
  kById,
  kByMapping,     // (inside_tap, outside_tap, protocol, internal end, external end, start)
  kByConnection,  // by inside connection, then start
  // By start, and only those that share a connection with another translation: what paths of
  // three and more steps are made of. Their alive_until is set.
  kChained,
};

class Writer {
 public:
  // Why create() would refuse, before much work is done for it; nothing is changed.
  static Result<void> may_create(const std::string& path, bool force);
  // Creates `path` with the schema. Errors: it exists and not `force`; not writable; a
  // directory. With `force` an existing file is replaced only if it is a natlens database or
  // empty.
  static Result<std::unique_ptr<Writer>> create(const std::string& path, bool force);
  virtual ~Writer() = default;

  // Rows. Failures (disk full) are kept and told by the next flush() or finish().
  virtual void tap(const TapRow& row) = 0;    // inserts, or replaces the row of the same id
  virtual void file(const FileRow& row) = 0;  // inserts, or replaces the row of the same id
  virtual void connection(const ConnectionRow& row) = 0;
  virtual void carrier(const CarrierRow& row) = 0;
  virtual void invalid(const InvalidRow& row) = 0;
  virtual void icmp_error(const IcmpErrorRow& row) = 0;
  virtual void statement(const StatementRow& row) = 0;
  virtual void note(const NoteRow& row) = 0;
  // Connection ids are made from tap index + 1 and serial.
  virtual void translation(const correlate::Translation& row) = 0;
  // The translation of this serial is none.
  virtual void take_back(std::uint64_t translation) = 0;
  virtual void link(const LinkRow& row) = 0;
  virtual void fate(const FateRow& row) = 0;
  virtual void sequence_change(const correlate::SequenceChange& row) = 0;
  virtual void candidate(const correlate::Candidate& row) = 0;
  virtual void tunnelled(const correlate::Tunnelled& row) = 0;
  virtual void unpaired(const correlate::Unpaired& row) = 0;
  virtual void mapping(const nat::Mapping& row) = 0;
  virtual void nat(const nat::Nat& row) = 0;
  virtual void behaviour(const nat::Behaviour& row) = 0;
  virtual void path_step(const nat::PathStep& row) = 0;
  virtual void meta(std::string_view key, std::string_view value) = 0;  // replaces

  // The capture goes on while others read: indexes are there from now on, and a row of a
  // connection or translation replaces the one of the same id. REQUIRES: no rows yet.
  virtual Result<void> go_live() = 0;
  // Forgets connections that ended before this, with all that is said of them; at most `most` of
  // them in a call, the oldest first. One stays as long as a connection that it is joined with
  // by a translation. REQUIRES: go_live().
  virtual void forget(Timestamp ended_before, std::size_t most) = 0;
  // Everything derived (mappings, NATs, their behaviour, paths, findings) goes, to be written
  // anew; readers see the old rows until derived() commits the new ones. With `most` it is
  // derived from that many of the newest translations, and from those of open connections.
  virtual Result<void> derive_anew(std::size_t most) = 0;
  virtual Result<void> derived() = 0;

  // Commits what is there. Cheap when nothing is; the caller decides how often.
  virtual Result<void> flush() = 0;
  // Hands back every translation written so far, from which pipeline derives mappings,
  // relations and paths (flushes first). Memory does not grow with their number.
  virtual Result<void> each_translation(
      TranslationOrder order, const std::function<void(const nat::TranslationRow&)>& use) = 0;
  // Hands back the connections that have nothing in common with any other tap, by id.
  virtual Result<void> each_unpaired(
      const std::function<void(const nat::UnpairedRow&)>& use) = 0;
  // Hands back what diagnosis reads: all of it if there are at most `most` connections, else
  // those that are out of the ordinary, and some of the rest. REQUIRES: all rows but findings
  // are written.
  virtual Result<void> picture(std::size_t most, findings::Rows& rows) = 0;
  virtual void finding(const findings::Finding& row) = 0;
  // Indexes, meta complete = 1, journal turned back, file closed. Nothing may be called after.
  virtual Result<void> finish() = 0;

 protected:
  Writer() = default;
};

}  // namespace natlens::store
