// Text packed as gzip in base64, a piece at a time: what a browser unpacks by itself
// (DecompressionStream), and what cannot end the element that it stands in.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace natlens::report {

class PagePacked {
 public:
  PagePacked();
  ~PagePacked();
  PagePacked(const PagePacked&) = delete;
  PagePacked& operator=(const PagePacked&) = delete;

  // What is ready by now is appended to `out`.
  void add(std::string_view text, std::string& out);
  void finish(std::string& out);

 private:
  struct Stream;
  void deflate_into(std::string& out, bool end);

  std::unique_ptr<Stream> stream_;
  std::string bytes_;  // packed, not yet a multiple of three
};

}  // namespace natlens::report
