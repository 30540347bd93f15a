// Who is listened to, and how long.
//
// Datagrams: the first byte and the ports leave the protocols that can be meant (SaidIndex);
// most packets are done after that look. The rest is parsed, each datagram by itself.
//
// TCP: a protocol announces itself with the first bytes of a direction, so only the first
// packets are looked at, unless the protocol lasts and has its port (FTP, SIP) or was heard
// here before. A message that goes on in the next segment waits in a buffer. A gap ends the
// message.
//
// A Talk is what is remembered of a connection: it exists from its first statement, or the
// first half of a message, to the connection's end.
#include "natlens/stream/statements.h"

#include <bit>
#include <cstring>

#include <absl/container/flat_hash_map.h>
#include <absl/container/inlined_vector.h>

#include "said.h"

namespace natlens::stream {
namespace {

constexpr std::uint16_t kFirstPackets = 8;  // of a direction, handshake included
constexpr std::size_t kBufferBytes = 2048;
constexpr std::size_t kBuffers = 256;
constexpr std::int16_t kNone = -1;

// One direction of a talk over TCP.
struct Side {
  std::uint32_t next_seq = 0;  // what the buffer waits for
  std::int16_t buffer = kNone;
  std::int16_t row = kNone;  // what it was heard to speak
  bool over = false;         // nothing is to be heard any more
};

struct Talk {
  std::array<Side, 2> sides;
  std::uint8_t asker = 0;                      // direction that spoke first
  absl::InlinedVector<std::uint32_t, 4> told;  // hashes
};

struct Buffer {
  std::size_t size = 0;
  std::array<std::uint8_t, kBufferBytes> bytes;
};

// Equal for what says the same: a lifetime that is renewed is no news, a deleted mapping is.
std::uint32_t hash_of(const Statement& s) {
  std::uint64_t hash =
      mix(static_cast<std::uint64_t>(s.protocol) << 8 | static_cast<std::uint64_t>(s.kind),
          static_cast<std::uint64_t>(s.speaker) << 8 | s.transport);
  hash = mix(hash, static_cast<std::uint64_t>(s.number));
  for (const Endpoint* end : {&s.named, &s.whose}) {
    hash = mix(content_hash(end->address.bytes(), hash), end->port);
  }
  const std::string_view text = s.text_view();
  return static_cast<std::uint32_t>(
      content_hash({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}, hash));
}

}  // namespace

struct StatementReader::Impl {
  struct Packet {
    const decode::Layer& layer;
    const conntrack::Verdict& verdict;
    Timestamp time;
    std::uint32_t frame;
    std::vector<Statement>& out;
  };

  void hear_datagram(const Packet& packet, unsigned rows);
  void hear_stream(const Packet& packet, unsigned rows, bool early);
  bool join(Side& side, const decode::Layer& layer, ByteView& bytes);
  void listen(const Packet& packet, unsigned rows, bool early, ByteView bytes);
  bool understand(const Packet& packet, std::int16_t number, ByteView bytes);
  std::int16_t take_buffer();
  void keep(const Packet& packet, std::int16_t row, ByteView bytes);
  void accept(const Packet& packet, const SaidRow& row);
  void release(Side& side);
  Heard heard(const Packet& packet, ByteView bytes, bool stream) const;
  bool speaks(std::uint32_t connection, unsigned direction, std::int16_t row) const;
  bool asked(std::uint32_t connection, unsigned direction, std::int16_t row) const;
  static void set_row(Talk& talk, unsigned direction, std::int16_t row);
  bool full(const SaidRow& row) const {
    return told_by_protocol[static_cast<std::size_t>(row.protocol)] >= row.most_per_tap;
  }

  absl::flat_hash_map<std::uint32_t, Talk> talks;
  std::vector<std::unique_ptr<Buffer>> buffers;
  std::vector<std::int16_t> free_buffers;
  std::size_t waiting = 0;  // directions whose message goes on
  std::array<std::uint32_t, static_cast<std::size_t>(StatementProtocol::kCount)>
      told_by_protocol{};
  std::uint64_t left_out = 0;
  Said scratch;
};

Heard StatementReader::Impl::heard(const Packet& packet, ByteView bytes, bool stream) const {
  const decode::Layer& layer = packet.layer;
  return {bytes, {layer.src, layer.src_port}, {layer.dst, layer.dst_port}, stream, false};
}

bool StatementReader::Impl::speaks(std::uint32_t connection,
                                   unsigned direction,
                                   std::int16_t row) const {
  const auto found = talks.find(connection);
  return found != talks.end() && found->second.sides[direction].row == row;
}

// Did the other direction begin the talk in this protocol?
bool StatementReader::Impl::asked(std::uint32_t connection,
                                  unsigned direction,
                                  std::int16_t row) const {
  const auto found = talks.find(connection);
  return found != talks.end() && found->second.asker != direction &&
         found->second.sides[1 - direction].row == row;
}

void StatementReader::Impl::set_row(Talk& talk, unsigned direction, std::int16_t row) {
  if (talk.sides[0].row == kNone && talk.sides[1].row == kNone) {
    talk.asker = static_cast<std::uint8_t>(direction);
  }
  talk.sides[direction].row = row;
}

// New statements of `scratch` go out.
void StatementReader::Impl::accept(const Packet& packet, const SaidRow& row) {
  for (Statement& statement : scratch.all()) {
    statement.protocol = row.protocol;
    statement.speaker = packet.verdict.direction;
    statement.connection = packet.verdict.connection;
    statement.frame = packet.frame;
    statement.time = packet.time;
    if (full(row)) {
      ++left_out;
      continue;
    }
    Talk& talk = talks[packet.verdict.connection];
    const std::uint32_t hash = hash_of(statement);
    if (std::find(talk.told.begin(), talk.told.end(), hash) != talk.told.end()) continue;
    if (talk.told.size() >= row.most_per_connection) {
      ++left_out;
      continue;
    }
    talk.told.push_back(hash);
    ++told_by_protocol[static_cast<std::size_t>(row.protocol)];
    packet.out.push_back(statement);
  }
}

void StatementReader::Impl::hear_datagram(const Packet& packet, unsigned rows) {
  const Heard heard = this->heard(packet, packet.layer.payload, false);
  for (; rows != 0; rows &= rows - 1) {
    const SaidRow& row = said_rows()[static_cast<std::size_t>(std::countr_zero(rows))];
    if (!names_port(row, heard.src.port) && !names_port(row, heard.dst.port)) continue;
    scratch.clear();
    if (row.read(heard, scratch).outcome != Reading::Outcome::kRead) continue;
    accept(packet, row);
    return;
  }
}

void StatementReader::Impl::release(Side& side) {
  if (side.buffer == kNone) return;
  free_buffers.push_back(side.buffer);
  side.buffer = kNone;
  --waiting;
}

// Puts a segment behind what waits for it: `bytes` is then all of it. False: there is nothing
// to read (a repetition, or a gap, which ends the message).
bool StatementReader::Impl::join(Side& side, const decode::Layer& layer, ByteView& bytes) {
  const std::uint32_t ahead = side.next_seq - layer.tcp.seq;  // bytes that are there already
  const bool gap = static_cast<std::int32_t>(ahead) < 0;
  if (!gap && ahead >= bytes.size()) return false;
  Buffer& buffer = *buffers[static_cast<std::size_t>(side.buffer)];
  if (gap || bytes.size() - ahead > kBufferBytes - buffer.size) {
    release(side);
    side.over = !said_rows()[static_cast<std::size_t>(side.row)].lasts;
    return false;
  }
  const ByteView fresh = bytes.subspan(ahead);
  std::copy(fresh.begin(), fresh.end(),
            buffer.bytes.begin() + static_cast<std::ptrdiff_t>(buffer.size));
  buffer.size += fresh.size();
  bytes = ByteView(buffer.bytes).first(buffer.size);
  return true;
}

// A buffer for a direction; kNone: all are taken.
std::int16_t StatementReader::Impl::take_buffer() {
  if (free_buffers.empty()) {
    if (buffers.size() == kBuffers) return kNone;
    buffers.push_back(std::make_unique<Buffer>());
    free_buffers.push_back(static_cast<std::int16_t>(buffers.size() - 1));
  }
  const std::int16_t buffer = free_buffers.back();
  free_buffers.pop_back();
  ++waiting;
  return buffer;
}

// Keeps the beginning of a message until the next segment. Where that cannot be, nothing is
// remembered of a connection that was not known: there may be millions.
void StatementReader::Impl::keep(const Packet& packet, std::int16_t row, ByteView bytes) {
  const decode::Layer& layer = packet.layer;
  const auto direction = static_cast<unsigned>(packet.verdict.direction);
  const bool cut = layer.payload.size() < layer.payload_wire_bytes;
  const bool fits = !cut && bytes.size() < kBufferBytes;
  const auto found = talks.find(packet.verdict.connection);
  std::int16_t buffer = found == talks.end() ? kNone : found->second.sides[direction].buffer;
  if (buffer == kNone && fits) buffer = take_buffer();
  if (buffer == kNone || !fits) {
    if (found == talks.end()) return;
    release(found->second.sides[direction]);
    found->second.sides[direction].over = !said_rows()[static_cast<std::size_t>(row)].lasts;
    return;
  }
  Talk& talk = talks[packet.verdict.connection];
  Side& side = talk.sides[direction];
  set_row(talk, direction, row);
  side.buffer = buffer;
  side.next_seq = layer.tcp.seq + static_cast<std::uint32_t>(layer.payload.size());
  Buffer& held = *buffers[static_cast<std::size_t>(buffer)];
  std::memmove(held.bytes.data(), bytes.data(), bytes.size());  // may be its own
  held.size = bytes.size();
}

// Reads message after message of one protocol. False: the bytes are not of it.
bool StatementReader::Impl::understand(const Packet& packet,
                                       std::int16_t number,
                                       ByteView bytes) {
  const SaidRow& row = said_rows()[static_cast<std::size_t>(number)];
  const auto direction = static_cast<unsigned>(packet.verdict.direction);
  Heard heard = this->heard(packet, bytes, true);
  heard.asked = asked(packet.verdict.connection, direction, number);
  bool any = false;
  while (!heard.bytes.empty()) {
    scratch.clear();
    const Reading reading = row.read(heard, scratch);
    if (reading.outcome == Reading::Outcome::kNo) break;
    if (reading.outcome == Reading::Outcome::kMore) {
      keep(packet, number, heard.bytes);
      return true;
    }
    any = true;
    accept(packet, row);
    heard.bytes = heard.bytes.subspan(reading.bytes);
    if (!row.lasts) break;
  }
  const auto found = talks.find(packet.verdict.connection);
  if (found == talks.end()) return any;
  Side& side = found->second.sides[direction];
  release(side);
  if (!any) return false;
  set_row(found->second, direction, number);
  side.over = !row.lasts;
  // Who is refused may ask again.
  const auto said = scratch.all();
  if (side.over && !said.empty() && said.back().kind == StatementKind::kRefused) {
    for (Side& each : found->second.sides) each.over = false;
  }
  return true;
}

// A message may begin here, or in one of these bytes nothing does.
void StatementReader::Impl::listen(const Packet& packet,
                                   unsigned rows,
                                   bool early,
                                   ByteView bytes) {
  const decode::Layer& layer = packet.layer;
  const auto direction = static_cast<unsigned>(packet.verdict.direction);
  for (; rows != 0; rows &= rows - 1) {
    const auto number = static_cast<std::int16_t>(std::countr_zero(rows));
    const SaidRow& row = said_rows()[static_cast<std::size_t>(number)];
    if (!names_port(row, layer.src_port) && !names_port(row, layer.dst_port)) continue;
    const bool expected = early || row.ports[0] != 0 ||
                          speaks(packet.verdict.connection, direction, number) ||
                          speaks(packet.verdict.connection, 1 - direction, number);
    if (expected && understand(packet, number, bytes)) return;
  }
}

void StatementReader::Impl::hear_stream(const Packet& packet, unsigned rows, bool early) {
  ByteView bytes = packet.layer.payload;
  if (const auto found = talks.find(packet.verdict.connection); found != talks.end()) {
    Side& side = found->second.sides[static_cast<unsigned>(packet.verdict.direction)];
    if (side.over) return;
    if (side.buffer != kNone) {
      const std::int16_t row = side.row;
      if (join(side, packet.layer, bytes) && !understand(packet, row, bytes)) side.over = true;
      return;
    }
  }
  if (rows != 0) listen(packet, rows, early, bytes);
}

StatementReader::StatementReader() : impl_(std::make_unique<Impl>()) {}
StatementReader::~StatementReader() = default;
StatementReader::StatementReader(StatementReader&&) noexcept = default;

void StatementReader::read(const decode::Layer& layer,
                           const conntrack::Verdict& verdict,
                           Timestamp time,
                           std::uint32_t frame,
                           std::vector<Statement>& out) {
  const bool tcp = layer.transport == decode::TransportKind::kTcp;
  if (layer.payload.empty() || (!tcp && layer.transport != decode::TransportKind::kUdp)) return;
  const SaidIndex& index = said_index();
  const std::uint8_t first = layer.payload[0];
  const bool early = verdict.earlier_packets < kFirstPackets;
  unsigned rows = (tcp ? index.tcp_by_byte : index.udp_by_byte)[first];
  rows &= index.any_port | static_cast<unsigned>(index.by_port[layer.src_port & 0xffU]) |
          index.by_port[layer.dst_port & 0xffU];
  if (!early && !tcp) rows &= index.lasting;
  if (!early && tcp && impl_->talks.empty()) rows &= index.lasting & ~index.any_port;
  if (rows == 0 && (!tcp || impl_->waiting == 0)) return;
  if (verdict.connection == 0 || verdict.packet_class == conntrack::PacketClass::kInvalid) {
    return;
  }
  const Impl::Packet packet{layer, verdict, time, frame, out};
  if (tcp) {
    impl_->hear_stream(packet, rows, early);
  } else {
    impl_->hear_datagram(packet, rows);
  }
}

void StatementReader::forget(std::uint32_t connection) {
  const auto found = impl_->talks.find(connection);
  if (found == impl_->talks.end()) return;
  for (Side& side : found->second.sides) impl_->release(side);
  impl_->talks.erase(found);
}

void StatementReader::renew_bound() {
  impl_->told_by_protocol = {};
}
std::uint64_t StatementReader::left_out() const {
  return impl_->left_out;
}

}  // namespace natlens::stream
