// The question of a DNS message as a fingerprint: whole or not at all.
#include "dns_question.h"

#include <array>
#include <random>
#include <string>

#include "support/catch.h"

namespace natlens::stream {
namespace {

using namespace std::string_literals;

std::string message(std::string_view name, bool answer, std::string_view behind = "") {
  return "\1\2"s + (answer ? "\x81\x80"s : "\1\0"s) + "\0\1\0\0\0\0\0\0"s + std::string(name) +
         "\0\0\x1c\0\1"s + std::string(behind);
}

std::vector<Sighting> questions(std::string_view bytes, std::uint16_t port = 53) {
  decode::Layer layer;
  layer.transport = decode::TransportKind::kUdp;
  layer.src_port = 40000;
  layer.dst_port = port;
  layer.payload = ByteView(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  std::vector<Sighting> out;
  append_dns_question(layer, {}, out);
  return out;
}

}  // namespace

TEST_CASE("dns question: options and the case of letters do not count", "[stream]") {
  const auto plain = questions(message("\3www\7example", false));
  const auto other = questions(message("\3wWw\7EXAMPLE", false, "\0\0\x29\4\xd0\0\0\0\0\0\0"s));
  const auto answer = questions(message("\3www\7example", true, "and records"));
  REQUIRE(plain.size() == 1);
  REQUIRE(other.size() == 1);
  REQUIRE(answer.size() == 1);
  CHECK(plain[0].fingerprint == other[0].fingerprint);
  CHECK(plain[0].payload_digest == answer[0].payload_digest);
  CHECK(plain[0].fingerprint != answer[0].fingerprint);
  CHECK(plain[0].continued);
  CHECK(questions(message("\3www\7examplf", false))[0].payload_digest !=
        plain[0].payload_digest);
  CHECK(questions(message("\3www\7example", false), 5353).empty());
}

TEST_CASE("dns question: every prefix is read within its bounds", "[stream]") {
  const std::string whole = message("\3www\7example", false);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const std::string prefix = whole.substr(0, size);
    CHECK(questions(std::string_view(prefix)).empty());
  }
  CHECK(questions(whole).size() == 1);
  CHECK(questions(message(std::string(300, '\1'), false)).empty());  // a name too long
  CHECK(questions(message("\xc0\x0c", false)).empty());  // no pointers in a question
}

TEST_CASE("dns question: no bytes are too strange", "[stream]") {
  std::mt19937 random(7);
  for (int i = 0; i < 20000; ++i) {
    std::string bytes = message("\3www\7example", i % 2 != 0);
    bytes.resize(random() % (bytes.size() + 300), static_cast<char>(random() % 64));
    for (std::size_t k = random() % 4; k != 0 && !bytes.empty(); --k)
      bytes[random() % bytes.size()] = static_cast<char>(random());
    std::vector<char> exact(bytes.begin(), bytes.end());  // so that a read beyond shows
    CHECK(questions({exact.data(), exact.size()}).size() <= 1);
  }
}

}  // namespace natlens::stream
