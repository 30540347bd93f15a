// What protocols say of addresses in clear, read while the bytes are there: STUN and TURN, PCP,
// NAT-PMP, PROXY, SOCKS, HTTP CONNECT, FTP, SIP; ids of DNS and QUIC.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "natlens/conntrack/records.h"
#include "natlens/decode/records.h"
#include "natlens/stream/records.h"

namespace natlens::stream {

// Belongs to one tap, whose packets it gets in order. A statement that was made before in its
// connection is not told again; beyond a number of distinct ones per connection and per tap
// (docs/schema.md, `statement`) they are counted only. Bytes of a message that goes on in the
// next segment are kept, at most 2 KiB for each of 256 directions.
class StatementReader {
 public:
  StatementReader();
  ~StatementReader();
  StatementReader(StatementReader&&) noexcept;

  // Appends what a tracked packet says, nothing for most. All but `tap` and `position` is
  // filled. Packets that tracking refused are not listened to.
  void read(const decode::Layer& layer,
            const conntrack::Verdict& verdict,
            Timestamp time,
            std::uint32_t frame,
            std::vector<Statement>& out);
  // The connection ended, and no packet of it will follow.
  void forget(std::uint32_t connection);
  // From here on as many are told again as from a fresh tap; connections keep their own bounds.
  void renew_bound();
  std::uint64_t left_out() const;  // distinct statements beyond the bounds

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace natlens::stream
