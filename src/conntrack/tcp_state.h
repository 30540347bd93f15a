// The TCP state tables (tcp_conntracks of nf_conntrack_proto_tcp.c).
#pragma once

#include <cstdint>

#include "natlens/conntrack/records.h"

#include "entry.h"

namespace natlens::conntrack {

// What a segment does to a connection: a new state, or one of these.
enum class TcpStep : std::uint8_t {
  kNone,
  kSynSent,
  kSynRecv,
  kEstablished,
  kFinWait,
  kCloseWait,
  kLastAck,
  kTimeWait,
  kClose,
  kSynSent2,
  kIgnore,  // accepted without being believed
  kInvalid,
};

TcpStep tcp_step(unsigned direction, TcpKind kind, TcpState from);

}  // namespace natlens::conntrack
