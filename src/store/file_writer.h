// The one Writer: a SQLite file written with prepared statements.
//
// While rows come in, the file is in WAL mode without syncs: what was committed is in the page
// cache, so it survives the death of the process (not of the machine: then the capture is there
// to analyse again). Rows go in in the order they come, by ascending ids as far as that can be;
// all indexes are built in finish(), which then folds the log into the file.
//
// The first failure is kept: later rows are dropped, flush() and finish() tell it, and the file
// stays as it was committed last, with meta `complete` = 0.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <string_view>

#include "natlens/store/writer.h"

#include "statement.h"
#include "text.h"

namespace natlens::store {

class FileWriter final : public Writer {
 public:
  explicit FileWriter(std::string path) : path_(std::move(path)) {}
  ~FileWriter() override;
  // REQUIRES: the file exists and is empty.
  Result<void> open();

  void tap(const TapRow& row) override;
  void file(const FileRow& row) override;
  void connection(const ConnectionRow& row) override;
  void carrier(const CarrierRow& row) override;
  void tunnelled(const correlate::Tunnelled& row) override;
  void invalid(const InvalidRow& row) override;
  void icmp_error(const IcmpErrorRow& row) override;
  void statement(const StatementRow& row) override;
  void note(const NoteRow& row) override;
  void translation(const correlate::Translation& row) override;
  void take_back(std::uint64_t translation) override;
  void link(const LinkRow& row) override;
  void fate(const FateRow& row) override;
  void sequence_change(const correlate::SequenceChange& row) override;
  void candidate(const correlate::Candidate& row) override;
  void unpaired(const correlate::Unpaired& row) override;
  void mapping(const nat::Mapping& row) override;
  void nat(const nat::Nat& row) override;
  void behaviour(const nat::Behaviour& row) override;
  void path_step(const nat::PathStep& row) override;
  void meta(std::string_view key, std::string_view value) override;

  Result<void> go_live() override;
  void forget(Timestamp ended_before, std::size_t most) override;
  Result<void> derive_anew(std::size_t most) override;
  Result<void> derived() override;
  Result<void> flush() override;
  Result<void> each_translation(
      TranslationOrder order,
      const std::function<void(const nat::TranslationRow&)>& use) override;
  Result<void> each_unpaired(const std::function<void(const nat::UnpairedRow&)>& use) override;
  Result<void> picture(std::size_t most, findings::Rows& rows) override;
  void finding(const findings::Finding& row) override;
  Result<void> finish() override;

 private:
  static constexpr int kConnectionColumns = 47;
  static constexpr int kTranslationColumns = 30;
  static constexpr int kAccountColumns = 20;
  struct TupleText {
    AddressText src;
    AddressText dst;
  };
  struct Inserts {
    Statement tap, clock_step, file, connection, invalid, statement, encapsulation, tunnelled,
        translation, candidate, unpaired, mapping, nat, behaviour, path_step, meta, account,
        fate, link, sequence_change, icmp_error, note, finding, finding_frame, take_back,
        take_back_accounts;
  };

  bool run(const char* sql);  // false: failed, and the failure is kept
  void fail();                // keeps what SQLite says went wrong
  bool prepare();
  Statement insert_into(std::string_view table, int columns, bool replace = false);
  bool begin();  // false: a failure is kept, the row is to be dropped
  void insert(Statement& statement);
  std::string_view events_json(const ConnectionRow& row);
  void account(const correlate::Translation& row, std::size_t direction);
  std::string_view evidence_json(const correlate::Translation& row);
  Result<void> outcome() const;
  void find_newest(std::size_t most);
  // Binds src, sport, dst, dport as the tables have them.
  void bind_tuple(Statement& to, const Tuple& tuple, TupleText& text);

  std::string path_;
  DatabaseHandle db_;
  Inserts inserts_;  // finalized before db_ closes
  TextBuffer json_;
  std::string error_;
  bool in_transaction_ = false;
  bool deriving_ = false;         // flush() commits nothing
  std::int64_t newest_from_ = 0;  // what is derived rests on translations above this one
  std::int64_t newest_since_ = 0;  // ... which began at this time or later
};

}  // namespace natlens::store
