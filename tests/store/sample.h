// A small database that has something in every table, and where each row has a reason:
//
//   10.0.0.0/24 --tap lan-- NAT 100.64.0.2 --tap wan-- NAT 198.51.100.1 --tap core-- Internet
#pragma once

#include <string>

#include "natlens/store/database.h"
#include "natlens/store/writer.h"

#include "support/temp_dir.h"

namespace natlens::store {

Tuple tuple(std::string_view protocol, std::string_view src, std::string_view dst);
inline Timestamp second(double s) {
  return Timestamp::from_ns(1'795'249'800'000'000'000 + static_cast<std::int64_t>(s * 1e9));
}

// A connection of tap `tap` with plausible contents; tests change what they are about.
ConnectionRow connection(int tap, std::uint32_t serial, const Tuple& original, double start);
correlate::Translation translation(std::uint64_t serial,
                                   correlate::ConnectionRef inside,
                                   correlate::ConnectionRef outside,
                                   correlate::TranslationKind kind,
                                   double start);

// Writes all rows, those derived from translations too, as the pipeline does.
void write_sample(Writer& writer);
// The finished database at `path`, with rows in the tables that no Writer call fills yet.
void make_sample(const std::string& path);

// What the stock program prints for `.dump`; REQUIRES: it is installed.
bool has_sqlite3_program();
std::string dump(const std::string& path);
// Runs a shell command; its output, and its exit code in `code`.
std::string run_command(const std::string& command, int& code);

}  // namespace natlens::store
