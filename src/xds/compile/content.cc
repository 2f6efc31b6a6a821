#include "xds/compile/content.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <xxhash.h>

namespace outrigger::xds {

std::string content_bytes(const google::protobuf::Message& m) {
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream out(&bytes);
    google::protobuf::io::CodedOutputStream coded(&out);
    coded.SetSerializationDeterministic(true);
    m.SerializePartialToCodedStream(&coded);
  }
  return bytes;
}

std::uint64_t content_hash(const google::protobuf::Message& m) {
  const auto bytes = content_bytes(m);
  return XXH64(bytes.data(), bytes.size(), 0);
}

std::uint64_t bytes_hash(std::string_view bytes) { return XXH64(bytes.data(), bytes.size(), 0) | 1; }

}  // namespace outrigger::xds
