// ESP with keys: the packets of RFC 7634 and RFC 3602 as these print them, and every algorithm
// on packets that are sealed here.
#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "crypto.h"
#include "support/allocation_count.h"
#include "support/catch.h"
#include "support/decode_check.h"
#include "support/decode_samples.h"
#include "support/packet.h"

using namespace natlens;
using namespace natlens::test;
using decode::DecodeStop;

namespace {

struct Suite {
  std::string name;      // as `ip xfrm state` has it
  std::string library;   // of the cipher
  std::size_t key = 16;  // without the salt
  std::size_t salt = 0;
  std::size_t iv = 16;
  std::size_t block = 16;
  std::string hash;  // "": authenticates itself
  std::size_t icv = 16;
};

const std::vector<Suite> kSuites{
    {"cbc(aes)", "AES-128-CBC", 16, 0, 16, 16, "sha1", 12},
    {"cbc(aes)", "AES-192-CBC", 24, 0, 16, 16, "sha256", 16},
    {"cbc(aes)", "AES-256-CBC", 32, 0, 16, 16, "sha384", 24},
    {"cbc(aes)", "AES-256-CBC", 32, 0, 16, 16, "sha512", 32},
    {"cbc(aes)", "AES-128-CBC", 16, 0, 16, 16, "md5", 12},
    {"rfc3686(ctr(aes))", "AES-128-CTR", 16, 4, 8, 4, "sha256", 12},
    {"rfc3686(ctr(aes))", "AES-256-CTR", 32, 4, 8, 4, "sha1", 12},
    {"cbc(des3_ede)", "DES-EDE3-CBC", 24, 0, 8, 8, "sha1", 12},
    {"ecb(cipher_null)", "", 0, 0, 0, 4, "sha256", 16},
    {"rfc4106(gcm(aes))", "AES-128-GCM", 16, 4, 8, 4, "", 8},
    {"rfc4106(gcm(aes))", "AES-192-GCM", 24, 4, 8, 4, "", 12},
    {"rfc4106(gcm(aes))", "AES-256-GCM", 32, 4, 8, 4, "", 16},
    {"rfc7539esp(chacha20,poly1305)", "ChaCha20-Poly1305", 32, 4, 8, 4, "", 16},
};
constexpr std::uint32_t kSpi = 0xc0ffee01;

Bytes key_bytes(std::size_t count, std::uint8_t from) {
  Bytes out;
  for (std::size_t i = 0; i < count; ++i)
    out.push_back(static_cast<std::uint8_t>(from + i * 7));
  return out;
}
std::string digits(const Bytes& bytes) {
  std::string out;
  for (const std::uint8_t byte : bytes) out += fmt::format("{:02x}", byte);
  return out;
}

// Encrypts as the RFCs say, with a context of its own for each packet.
Bytes encrypt(const Suite& suite,
              const Bytes& iv,
              const Bytes& associated,
              const Bytes& plain) {
  if (suite.library.empty()) return plain;
  const Bytes key = key_bytes(suite.key + suite.salt, 1);
  Bytes nonce(key.end() - static_cast<std::ptrdiff_t>(suite.salt), key.end());
  nonce = nonce + iv;
  if (suite.library.find("CTR") != std::string::npos) nonce = nonce + be32(1);
  EVP_CIPHER* cipher = EVP_CIPHER_fetch(nullptr, suite.library.c_str(), nullptr);
  EVP_CIPHER_CTX* context = EVP_CIPHER_CTX_new();
  Bytes out(plain.size() + 32);
  int length = 0;
  REQUIRE(EVP_EncryptInit_ex2(context, cipher, key.data(), nonce.data(), nullptr) == 1);
  EVP_CIPHER_CTX_set_padding(context, 0);
  if (suite.hash.empty()) {
    EVP_EncryptUpdate(context, nullptr, &length, associated.data(),
                      static_cast<int>(associated.size()));
  }
  EVP_EncryptUpdate(context, out.data(), &length, plain.data(), static_cast<int>(plain.size()));
  out.resize(plain.size());
  if (suite.hash.empty()) {
    Bytes tag(16);
    EVP_EncryptFinal_ex(context, tag.data(), &length);
    EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, 16, tag.data());
    tag.resize(suite.icv);
    out = out + tag;
  }
  EVP_CIPHER_CTX_free(context);
  EVP_CIPHER_free(cipher);
  return out;
}

Bytes seal(const Suite& suite,
           std::uint32_t sequence,
           const Bytes& payload,
           std::uint8_t next,
           const Bytes& high = {}) {
  Bytes plain = payload;
  for (std::uint8_t i = 1; (plain.size() + 2) % suite.block != 0; ++i) plain.push_back(i);
  const auto padding = static_cast<std::uint8_t>(plain.size() - payload.size());
  plain.push_back(padding);
  plain.push_back(next);
  const Bytes iv = key_bytes(suite.iv, static_cast<std::uint8_t>(sequence));
  Bytes packet = be32(kSpi) + be32(sequence) + iv;
  packet = packet + encrypt(suite, iv, be32(kSpi) + high + be32(sequence), plain);
  if (suite.hash.empty()) return packet;
  const Bytes key = key_bytes(20, 99);
  const Bytes covered = packet + high;
  Bytes value(EVP_MAX_MD_SIZE);
  EVP_MD* md = EVP_MD_fetch(nullptr, suite.hash.c_str(), nullptr);
  unsigned int length = 0;
  HMAC(md, key.data(), static_cast<int>(key.size()), covered.data(), covered.size(),
       value.data(), &length);
  EVP_MD_free(md);
  value.resize(suite.icv);
  return packet + value;
}

std::string state_of(const Suite& suite, const std::string& flags = "") {
  std::string text = fmt::format(
      "src 192.0.2.1 dst 192.0.2.9\n\tproto esp spi {:#x} reqid 1 mode tunnel\n"
      "\treplay-window 0 flag {}\n",
      kSpi, flags);
  const std::string key = digits(key_bytes(suite.key + suite.salt, 1));
  if (suite.hash.empty()) {
    return text + fmt::format("\taead {} 0x{} {}\n", suite.name, key, suite.icv * 8);
  }
  return text + fmt::format("\tauth-trunc hmac({}) 0x{} {}\n\tenc {} 0x{}\n", suite.hash,
                            digits(key_bytes(20, 99)), suite.icv * 8, suite.name, key);
}

struct Tap {
  explicit Tap(const std::string& keys) {
    auto ring = std::make_shared<decode::KeyRing>();
    const auto added = ring->add(keys, "keys");
    REQUIRE(added);
    decode::DecoderOptions options;
    options.keys = ring;
    decoder.emplace(options);
  }
  const decode::DecodedFrame& see(const Bytes& esp) {
    bytes = ipv4({.src = "192.0.2.1", .protocol = 50}, esp);
    decoder->decode(frame_of(bytes, 101), out);
    return out;
  }
  const decode::Layer& inner() const { return out.layer_storage[out.layer_count - 1U]; }
  std::optional<decode::Decoder> decoder;
  decode::DecodedFrame out;
  Bytes bytes;
};

Bytes inner_packet(std::size_t bytes) {
  return ipv4({.src = "10.1.0.2", .dst = "10.2.0.9"}, udp(5000, 53, filler(bytes)));
}

}  // namespace

TEST_CASE("esp: every algorithm opens what was sealed with it", "[decode][esp][keys]") {
  for (const Suite& suite : kSuites) {
    CAPTURE(suite.library, suite.hash, suite.icv);
    Tap tap(state_of(suite));
    for (std::size_t bytes = 0; bytes < 40; ++bytes) {
      REQUIRE(
          tap.see(seal(suite, 1 + static_cast<std::uint32_t>(bytes), inner_packet(bytes), 4))
              .layer_count == 2);
      CHECK(tap.inner().dst_port == 53);
      CHECK(tap.inner().payload.size() == bytes);
      CHECK(tap.inner().decrypted);
      CHECK(tap.inner().zone != 0);
      CHECK(tap.out.stop == DecodeStop::kNone);
    }
  }
}

TEST_CASE("esp: a changed packet is not opened, wherever it is changed",
          "[decode][esp][keys]") {
  for (const Suite& suite : kSuites) {
    CAPTURE(suite.library, suite.hash);
    Tap tap(state_of(suite));
    const Bytes good = seal(suite, 9, inner_packet(8), 4);
    for (std::size_t at = 4; at < good.size(); ++at) {
      Bytes changed = good;
      changed[at] ^= 0x10U;
      CHECK(tap.see(changed).layer_count == 1);
      CHECK(tap.out.stop == DecodeStop::kUnauthentic);
    }
    for (std::size_t length = 8; length < good.size(); ++length) {
      CHECK(tap.see(Bytes(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(length)))
                .layer_count == 1);
    }
    CHECK(tap.see(good).layer_count == 2);
  }
}

TEST_CASE("esp: extended sequence numbers, also over the turn of the low half",
          "[decode][esp][keys]") {
  for (const Suite& suite : {kSuites[1], kSuites[11]}) {
    Tap tap(state_of(suite, "esn") + "\t seq-hi 0x5, seq 0x1, oseq-hi 0x0, oseq 0x0\n");
    CHECK(tap.see(seal(suite, 0xfffffff0, inner_packet(8), 4, be32(4))).layer_count == 2);
    CHECK(tap.see(seal(suite, 0x00000002, inner_packet(8), 4, be32(5))).layer_count == 2);
    CHECK(tap.see(seal(suite, 0xfffffff1, inner_packet(8), 4, be32(4))).layer_count == 2);
    CHECK(tap.see(seal(suite, 0x00000003, inner_packet(8), 4, be32(9))).layer_count == 1);
    CHECK(tap.see(seal(suite, 0x00000003, inner_packet(8), 4)).layer_count == 1);
  }
}

TEST_CASE("esp: transport mode is the packet as the kernel hands it on",
          "[decode][esp][keys]") {
  const Suite& suite = kSuites[1];
  Tap tap(state_of(suite));
  const Bytes whole = with_l4_checksum(ipv4({.src = "192.0.2.1"}, udp(7, 8, filler(20))));
  const Bytes transport(whole.begin() + 20, whole.end());
  REQUIRE(tap.see(seal(suite, 1, transport, 17)).layer_count == 2);
  CHECK(tap.inner().protocol == 17);
  CHECK(tap.inner().dst_port == 8);
  CHECK(to_string(tap.inner().src) == "192.0.2.1");
  CHECK(tap.inner().ip_checksum == decode::ChecksumState::kGood);
  CHECK(verify_l4_checksum(tap.inner()) == decode::ChecksumState::kGood);
  // Through UDP a NAT changed the address under the checksum.
  const Bytes natted = with_l4_checksum(ipv4({.src = "10.9.9.9"}, udp(7, 8, filler(20))));
  const Bytes moved(natted.begin() + 20, natted.end());
  tap.bytes = ipv4({.src = "192.0.2.1"}, udp(4500, 4500, seal(suite, 2, moved, 17)));
  tap.decoder->decode(frame_of(tap.bytes, 101), tap.out);
  REQUIRE(tap.out.layer_count == 2);
  CHECK(verify_l4_checksum(tap.inner()) == decode::ChecksumState::kGood);
  CHECK(names(tap.out.via(tap.inner())) == "udpencap esp");
}

TEST_CASE("esp: padding against traffic analysis, dummies, IPv6", "[decode][esp][keys]") {
  const Suite& suite = kSuites[11];
  Tap tap(state_of(suite));
  REQUIRE(tap.see(seal(suite, 1, inner_packet(8) + Bytes(100, 0), 4)).layer_count == 2);
  CHECK(tap.inner().total_bytes == 36);
  CHECK(tap.inner().payload.size() == 8);
  CHECK(tap.see(seal(suite, 2, Bytes(40, 0xaa), 59)).layer_count == 1);
  CHECK(tap.out.stop == DecodeStop::kNone);
  const Bytes six = ipv6({}, udp(5000, 53, filler(8)));
  REQUIRE(tap.see(seal(suite, 3, six, 41)).layer_count == 2);
  CHECK(tap.inner().version == 6);
  // Outer IPv6 in transport mode.
  tap.bytes = ipv6({.next = 50}, seal(suite, 4, udp(5000, 53, filler(8)), 17));
  tap.decoder->decode(frame_of(tap.bytes, 101), tap.out);
  REQUIRE(tap.out.layer_count == 2);
  CHECK(tap.inner().version == 6);
  CHECK(tap.inner().dst_port == 53);
}

TEST_CASE("esp: the packet of RFC 7634", "[decode][esp][keys]") {
  Tap tap(
      "src 198.51.100.5 dst 192.0.2.5\n\tproto esp spi 0x01020304 reqid 0 mode tunnel\n"
      "\taead rfc7539esp(chacha20,poly1305) 0x808182838485868788898a8b8c8d8e8f9091929394959697"
      "98999a9b9c9d9e9fa0a1a2a3 128\n");
  tap.see(
      hex("01020304 00000005 1011121314151617"
          "24039428b97f417e3c13753a4f05087b67c352e6a7fab1b982d466ef407ae5c614ee8099d52844eb61"
          "aa95dfab4c02f72aa71e7c4c4f64c9befe2facc638e8f3cbec163fac469b502773f6fb94e664da9165"
          "b82829f641e0 76aaa8266b7fb0f7b11b369907e1ad43"));
  REQUIRE(tap.out.layer_count == 2);
  CHECK(to_string(tap.inner().src) == "198.51.100.5");
  CHECK(tap.inner().icmp.type == 8);
  CHECK(tap.inner().icmp.id == 0x3a08);
}

TEST_CASE("esp: without authentication the shape of what is inside decides",
          "[decode][esp][keys]") {
  // RFC 3602, 4, case 5: transport mode, an ICMP echo; AES-CBC alone.
  const std::string table =
      "\"IPv4\",\"*\",\"*\",\"0x4321\",\"AES-CBC [RFC3602]\","
      "\"0x90d382b410eeba7ad938c46cec1a82bf\",\"NULL\",\"\"\n";
  const Bytes echo = hex(
      "00004321 00000001 e96e8c08ab465763fd098d45dd3ff893"
      "f663c25d325c18c6a9453e194e120849a4870b66cc6b9965330013b4898dc856a4699e523a55db080b59ec3a"
      "8e4b7e52775b07d1db34ed9c538ab50c551b874aa269add047ad2d5913ac19b7cfbad4a6");
  decode::crypto::Cipher cipher("AES-128-CBC");
  REQUIRE(cipher.set_key(hex("90d382b410eeba7ad938c46cec1a82bf")));
  std::array<std::uint8_t, 80> plain{};
  REQUIRE(
      cipher.decrypt(ByteView(echo).subspan(8, 16), ByteView(echo).subspan(24), plain.data()));
  CHECK(ByteView(plain)[0] == 8);
  CHECK(ByteView(plain)[79] == 1);  // next header: ICMP
  // Its lengths prove nothing, so it stays closed; a datagram's do.
  Tap tap(table);
  CHECK(tap.see(echo).stop == DecodeStop::kUnauthentic);
  Tap other("\"IPv4\",\"*\",\"*\",\"*\",\"AES-CBC [RFC3602]\",\"0x" + digits(key_bytes(16, 1)) +
            "\",\"ANY 96 bit authentication [no checking]\",\"\"\n");
  CHECK(other.see(seal(kSuites[0], 1, inner_packet(8), 4)).layer_count == 2);
  Tap wrong("\"IPv4\",\"*\",\"*\",\"*\",\"AES-CBC [RFC3602]\",\"0x" + digits(key_bytes(16, 2)) +
            "\",\"ANY 96 bit authentication [no checking]\",\"\"\n");
  CHECK(wrong.see(seal(kSuites[0], 1, inner_packet(8), 4)).layer_count == 1);
}

TEST_CASE("crypto: AES-GCM as the drafts of ESP's test cases print it", "[decode][keys]") {
  decode::crypto::Cipher cipher("AES-128-GCM");
  REQUIRE(cipher.set_key(hex("4c80cdefbb5d10da906ac73c3613a634")));
  const Bytes sealed = hex(
      "fecf537e729d5b07dc30df528dd22b768d1b98736696a6fd348509fa13ceac34cfa2436f14a3f3cf65925bf1"
      "f4a13c5d15b21e1884f5ff6247aeabb786b93bce61bc17d768fd9732459018148f6cbe722fd04796562dfdb"
      "4");
  std::array<std::uint8_t, 72> plain{};
  const ByteView all(sealed);
  CHECK(cipher.open(hex("2e443b684956ed7e3b244cfe"), hex("000043218765432100000000"),
                    all.first(72), all.last(16), plain.data()));
  CHECK(ByteView(plain)[0] == 0x45);
  CHECK_FALSE(cipher.open(hex("2e443b684956ed7e3b244cfe"), hex("000043218765432100000001"),
                          all.first(72), all.last(16), plain.data()));
}

TEST_CASE("esp: no allocation per packet once warm", "[decode][esp][keys][allocation]") {
  for (const Suite& suite : kSuites) {
    Tap tap(state_of(suite));
    const Bytes packet = seal(suite, 1, inner_packet(8), 4);
    tap.see(packet);
    const capture::Frame frame = frame_of(tap.bytes, 101);
    const std::size_t before = allocation_count();
    for (int i = 0; i < 100; ++i) tap.decoder->decode(frame, tap.out);
    CHECK(allocation_count() == before);
    CHECK(tap.out.layer_count == 2);
  }
}
