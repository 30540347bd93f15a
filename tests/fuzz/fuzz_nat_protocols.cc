// Any conversation through the readers of statements. The input is a list of packets: option
// byte, length of two bytes, payload. Options: bits 0-2 the server's port, 3 TCP, 4 from the
// server, 5 late in the connection, 6 repeats or skips bytes of the stream, 7 ends the
// connection after it.
#include <array>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "natlens/stream/statements.h"

namespace {

using namespace natlens;

constexpr std::array<std::uint16_t, 8> kPorts{3478, 5351, 1080, 8080, 21, 5060, 53, 443};

void require(bool condition) {
  if (!condition) std::abort();
}

class Conversation {
 public:
  void packet(std::uint8_t option, const std::vector<std::uint8_t>& payload) {
    const bool tcp = (option & 8U) != 0;
    const bool reply = (option & 16U) != 0;
    decode::Layer layer;
    layer.src = Address::v4(reply ? 0xc0000209 : 0x0a000002);
    layer.dst = Address::v4(reply ? 0x0a000002 : 0xc0000209);
    layer.src_port = reply ? kPorts[option & 7U] : 40000;
    layer.dst_port = reply ? 40000 : kPorts[option & 7U];
    layer.transport = tcp ? decode::TransportKind::kTcp : decode::TransportKind::kUdp;
    layer.payload = payload;
    layer.payload_wire_bytes = static_cast<std::uint32_t>(payload.size());
    std::uint32_t& seq = seq_[reply ? 1 : 0];
    if ((option & 64U) != 0) seq += payload.size() % 2 == 0 ? 3U : ~2U;
    layer.tcp.seq = seq;
    seq += static_cast<std::uint32_t>(payload.size());
    conntrack::Verdict verdict;
    verdict.connection = connection_;
    verdict.direction = reply ? conntrack::Direction::kReply : conntrack::Direction::kOriginal;
    verdict.packet_class = conntrack::PacketClass::kEstablished;
    verdict.earlier_packets = (option & 32U) != 0 ? 100 : 0;
    statements_.clear();
    reader_.read(layer, verdict, Timestamp::from_ns(1), ++frame_, statements_);
    check();
    if ((option & 128U) != 0) reader_.forget(connection_++);
  }

 private:
  void check() {
    told_ += statements_.size();
    for (const stream::Statement& s : statements_) {
      require(s.connection == connection_ && s.frame == frame_);
      require(s.text_bytes <= s.text.size());
      require(s.kind < stream::StatementKind::kCount);
      require(s.protocol < stream::StatementProtocol::kCount);
      require(s.named.address.family() != Family::kNone || s.named.address == Address());
    }
    // At most 64 of one protocol in a connection.
    require(told_ <= std::size_t{64} * 10 * connection_);
  }

  stream::StatementReader reader_;
  std::vector<stream::Statement> statements_;
  std::array<std::uint32_t, 2> seq_{1, 0xfffffff0U};
  std::uint32_t connection_ = 1;
  std::uint32_t frame_ = 0;
  std::size_t told_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Conversation conversation;
  std::vector<std::uint8_t> payload;
  while (size >= 3) {
    const std::size_t wanted = static_cast<std::size_t>(data[1]) << 8 | data[2];
    const std::size_t length = wanted < size - 3 ? wanted : size - 3;
    payload.assign(data + 3, data + 3 + length);  // of its own: a read past it is seen
    payload.shrink_to_fit();
    conversation.packet(data[0], payload);
    data += 3 + length;
    size -= 3 + length;
  }
  return 0;
}
