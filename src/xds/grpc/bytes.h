// Messages as the gRPC library has them. For the files that see the library.
#pragma once
#include <grpcpp/support/byte_buffer.h>
#include <string>
#include <vector>

namespace outrigger::xds {

inline std::string to_text(const grpc::ByteBuffer& b) {
  std::vector<grpc::Slice> slices;
  std::string out;
  if (!b.Dump(&slices).ok()) return out;
  out.reserve(b.Length());
  for (const auto& s : slices) out.append(reinterpret_cast<const char*>(s.begin()), s.size());
  return out;
}

inline grpc::ByteBuffer to_bytes(const std::string& s) {
  const grpc::Slice slice(s);
  return grpc::ByteBuffer(&slice, 1);
}

}  // namespace outrigger::xds
