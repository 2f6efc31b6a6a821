// Result<T>: a value or an Error with a text for people. The error channel of the control plane;
// the data path uses small error enums instead.
#pragma once
#include <boost/system/result.hpp>
#include <stdexcept>
#include <string>

namespace outrigger {

enum class Errc : unsigned char { invalid_config, unsupported, not_found, io, refused };

struct Error {
  Errc code = Errc::invalid_config;
  std::string detail;
};

/// For test output.
template <class Stream>
Stream& operator<<(Stream& out, const Error& e) {
  out << e.detail;
  return out;
}

[[noreturn]] inline void throw_exception_from_error(const Error& e, const boost::source_location&) {
  throw std::runtime_error(e.detail);
}

template <class T>
using Result = boost::system::result<T, Error>;

inline Error invalid(std::string detail) { return {Errc::invalid_config, std::move(detail)}; }

}  // namespace outrigger
