// natlens_libpcap_loop FILE...: the least work that reading captures can be with libpcap. The
// benchmark's unit: it takes every packet with pcap_next_ex and only counts.
#include <array>
#include <cstdint>
#include <cstdio>
#include <memory>

#include <pcap/pcap.h>

namespace {

struct ClosePcap {
  void operator()(pcap_t* pcap) const { pcap_close(pcap); }
};

// False if the file could not be read to its end.
bool count(const char* path, std::uint64_t& packets, std::uint64_t& bytes) {
  std::array<char, PCAP_ERRBUF_SIZE> error{};
  const std::unique_ptr<pcap_t, ClosePcap> pcap(pcap_open_offline(path, error.data()));
  if (!pcap) {
    std::fprintf(stderr, "natlens_libpcap_loop: %s\n", error.data());
    return false;
  }
  pcap_pkthdr* header = nullptr;
  const std::uint8_t* data = nullptr;
  int status = 0;
  while ((status = pcap_next_ex(pcap.get(), &header, &data)) == 1) {
    packets++;
    bytes += header->len;
  }
  return status == PCAP_ERROR_BREAK;
}

}  // namespace

int main(int argc, char** argv) {
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;
  for (int arg = 1; arg < argc; arg++) {
    if (!count(argv[arg], packets, bytes)) return 1;
  }
  std::printf("packets %llu bytes %llu\n", static_cast<unsigned long long>(packets),
              static_cast<unsigned long long>(bytes));
  return argc > 1 ? 0 : 2;
}
