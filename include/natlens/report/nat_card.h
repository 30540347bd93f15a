// The report card of each NAT, for people: what it does by the questions of RFC 4787, how sure
// that is and what shows it, and which traffic would decide what is open.
#pragma once

#include <cstdint>
#include <string>

#include "natlens/net/result.h"
#include "natlens/store/database.h"

namespace natlens::report {

struct NatCards {
  std::string text;        // ends with a line end
  std::uint64_t nats = 0;  // pairs of taps told of
};

// At most `limit` pairs of taps; 0: all.
Result<NatCards> nat_cards(store::Database& database, std::uint64_t limit);

// The same as rows, in the order of the cards: nat_id, question, protocol, answer, confidence,
// evidence, example, needs. An answer that is NULL is open; `needs` would decide it.
Result<store::Table> nat_answers(store::Database& database);

}  // namespace natlens::report
