// Base64 over buffers: a body is encoded or decoded as it comes. Pure.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>
#include "proxy/buffer/buffer.h"

namespace outrigger {

/// Takes the first `bytes` of `in`, a multiple of four, and appends what they stand for to `out`. False: they are not base64;
/// padding is allowed at their end only, and what it cuts off must be zero.
bool decode_base64(Buffer& in, std::size_t bytes, Buffer& out);

/// One text after the other, each in as many parts as it comes.
class Base64Encoder {
 public:
  void put(std::string_view part, Buffer& out);
  /// The text ends: padding as needed.
  void finish(Buffer& out);

 private:
  char kept_[3];  // of a group of three that is not complete
  std::size_t kept_count_ = 0;
};

}  // namespace outrigger
