#include "tcp_state.h"

#include <array>

namespace natlens::conntrack {
namespace {

using enum TcpStep;
using Row = std::array<TcpStep, static_cast<std::size_t>(TcpState::kCount)>;
using Rows = std::array<Row, 5>;  // by TcpKind: SYN, SYN+ACK, FIN, ACK, RST

// clang-format off
// Columns:        none        SYN_SENT     SYN_RECV     ESTABLISHED   FIN_WAIT     CLOSE_WAIT   LAST_ACK     TIME_WAIT    CLOSE        SYN_SENT2
constexpr Rows kOriginalSteps{{
  /* SYN     */ {kSynSent,     kSynSent,    kIgnore,     kIgnore,      kIgnore,     kIgnore,     kIgnore,     kSynSent,    kSynSent,    kSynSent2},
  /* SYN+ACK */ {kInvalid,     kInvalid,    kSynRecv,    kInvalid,     kInvalid,    kInvalid,    kInvalid,    kInvalid,    kInvalid,    kSynRecv},
  /* FIN     */ {kInvalid,     kInvalid,    kFinWait,    kFinWait,     kLastAck,    kLastAck,    kLastAck,    kTimeWait,   kClose,      kInvalid},
  /* ACK     */ {kEstablished, kInvalid,    kEstablished, kEstablished, kCloseWait, kCloseWait,  kTimeWait,   kTimeWait,   kClose,      kInvalid},
  /* RST     */ {kInvalid,     kClose,      kClose,      kClose,       kClose,      kClose,      kClose,      kClose,      kClose,      kClose},
}};
constexpr Rows kReplySteps{{
  /* SYN     */ {kInvalid,     kSynSent2,   kInvalid,    kInvalid,     kInvalid,    kInvalid,    kInvalid,    kSynSent,    kInvalid,    kSynSent2},
  /* SYN+ACK */ {kInvalid,     kSynRecv,    kIgnore,     kIgnore,      kIgnore,     kIgnore,     kIgnore,     kIgnore,     kIgnore,     kSynRecv},
  /* FIN     */ {kInvalid,     kInvalid,    kFinWait,    kFinWait,     kLastAck,    kLastAck,    kLastAck,    kTimeWait,   kClose,      kInvalid},
  /* ACK     */ {kInvalid,     kIgnore,     kSynRecv,    kEstablished, kCloseWait,  kCloseWait,  kTimeWait,   kTimeWait,   kClose,      kIgnore},
  /* RST     */ {kInvalid,     kClose,      kClose,      kClose,       kClose,      kClose,      kClose,      kClose,      kClose,      kClose},
}};
// clang-format on

}  // namespace

TcpStep tcp_step(unsigned direction, TcpKind kind, TcpState from) {
  if (kind == TcpKind::kNone) {
    return kInvalid;
  }
  const Rows& rows = direction == 0 ? kOriginalSteps : kReplySteps;
  return rows[static_cast<std::size_t>(kind)][static_cast<std::size_t>(from)];
}

}  // namespace natlens::conntrack
