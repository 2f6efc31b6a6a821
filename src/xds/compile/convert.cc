#include "xds/compile/convert.h"

#include <sys/stat.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <sstream>
#include "proxy/base/text.h"

namespace outrigger::xds {

namespace core = envoy::config::core::v3;

Duration to_duration(const google::protobuf::Duration& d) noexcept {
  constexpr std::int64_t kSecondsMax = std::numeric_limits<std::int64_t>::max() / 1'000'000 - 1;
  if (d.seconds() > kSecondsMax) return Duration::max();
  if (d.seconds() < -kSecondsMax) return Duration::min();
  return std::chrono::seconds(d.seconds()) + Duration(d.nanos() / 1000);
}

namespace {

Result<std::string> read_file(const std::string& name, std::uint64_t bytes_max) {
  struct stat info {};
  if (::stat(name.c_str(), &info) != 0) return invalid("file " + name + " does not exist");
  if (!S_ISREG(info.st_mode)) return invalid("file " + name + " is not a regular file");
  if (bytes_max != 0 && static_cast<std::uint64_t>(info.st_size) > bytes_max)
    return invalid("file " + name + " size is " + std::to_string(info.st_size) + " bytes; maximum is " +
                   std::to_string(bytes_max));
  std::ifstream in(name, std::ios::binary);
  if (!in) return invalid("unable to read file: " + name);
  std::ostringstream text;
  text << in.rdbuf();
  return std::move(text).str();
}

}  // namespace

Result<std::string> read_data_source(const core::DataSource& source, std::uint64_t bytes_max) {
  std::string text;
  switch (source.specifier_case()) {
    case core::DataSource::kFilename: return read_file(source.filename(), bytes_max);
    case core::DataSource::kInlineBytes: text = source.inline_bytes(); break;
    case core::DataSource::kInlineString: text = source.inline_string(); break;
    case core::DataSource::kEnvironmentVariable: {
      const char* value = std::getenv(source.environment_variable().c_str());
      if (value == nullptr) return invalid("Environment variable doesn't exist: " + source.environment_variable());
      text = value;
      break;
    }
    case core::DataSource::SPECIFIER_NOT_SET:
      return invalid("one of filename, inline_bytes, inline_string, environment_variable is required");
  }
  if (bytes_max != 0 && text.size() > bytes_max)
    return invalid("response body size is " + std::to_string(text.size()) + " bytes; maximum is " + std::to_string(bytes_max));
  return text;
}

net::Address compile_address(const core::SocketAddress& a, const Path& at, Problems& problems) {
  if (a.protocol() == core::SocketAddress::UDP) {
    problems.error(at / "protocol", "UDP is not implemented");
    return {};
  }
  if (a.port_value() > 65535) {
    problems.error(at / "port_value", "must be at most 65535, is " + std::to_string(a.port_value()));
    return {};
  }
  auto address = net::Address::parse_ip(a.address(), static_cast<std::uint16_t>(a.port_value()));
  if (!address) {
    problems.error(at / "address", address.error().detail);
    return {};
  }
  return std::move(*address);
}

net::Address compile_address(const core::Address& a, const Path& at, Problems& problems) {
  switch (a.address_case()) {
    case core::Address::kSocketAddress: return compile_address(a.socket_address(), at / "socket_address", problems);
    case core::Address::kPipe: {
      auto address = net::Address::pipe(a.pipe().path());
      if (address) return std::move(*address);
      const Path pipe = at / "pipe";
      problems.error(pipe / "path", address.error().detail);
      return {};
    }
    case core::Address::kEnvoyInternalAddress: {
      const auto& internal = a.envoy_internal_address();
      return net::Address::internal(internal.server_listener_name(), internal.endpoint_id());
    }
    case core::Address::ADDRESS_NOT_SET: break;
  }
  problems.error(at, "one of socket_address, pipe, envoy_internal_address is required");
  return {};
}

namespace {
template <class Range>
std::optional<net::CidrRange> compile_range(const Range& range, const Path& at, Problems& problems) {
  auto cidr = net::CidrRange::parse(range.address_prefix(), range.prefix_len().value());
  if (cidr) return *cidr;
  problems.error(at, cidr.error().detail);
  return std::nullopt;
}
}  // namespace

std::optional<net::CidrRange> compile_cidr(const core::CidrRange& range, const Path& at, Problems& problems) {
  return compile_range(range, at, problems);
}
std::optional<net::CidrRange> compile_cidr(const ::xds::core::v3::CidrRange& range, const Path& at, Problems& problems) {
  return compile_range(range, at, problems);
}

runtime::FractionalPercent to_percent(const envoy::type::v3::FractionalPercent& p) noexcept {
  using Proto = envoy::type::v3::FractionalPercent;
  const auto denominator = p.denominator() == Proto::MILLION        ? runtime::Denominator::million
                           : p.denominator() == Proto::TEN_THOUSAND ? runtime::Denominator::ten_thousand
                                                                    : runtime::Denominator::hundred;
  return {p.numerator(), denominator};
}

runtime::FractionalPercent to_percent(const envoy::type::v3::Percent& p) noexcept {
  const double value = p.value() > 0 ? std::min(p.value(), 100.0) : 0;  // not a number: 0
  return {static_cast<std::uint32_t>(std::llround(value * 10'000)), runtime::Denominator::million};
}

runtime::RuntimePercent to_runtime_percent(const core::RuntimeFractionalPercent& p) {
  return {p.runtime_key(), to_percent(p.default_value())};
}
runtime::RuntimeUint32 to_runtime(const core::RuntimeUInt32& v) { return {v.runtime_key(), v.default_value()}; }
runtime::RuntimeDouble to_runtime(const core::RuntimeDouble& v) { return {v.runtime_key(), v.default_value()}; }
runtime::RuntimeDouble to_runtime(const core::RuntimePercent& v) { return {v.runtime_key(), v.default_value().value()}; }
runtime::RuntimeBool to_runtime(const core::RuntimeFeatureFlag& v) { return {v.runtime_key(), v.default_value().value()}; }

static net::RawOption to_raw_option(const core::SocketOption& s) {
  std::string value = s.buf_value();
  if (s.value_case() == core::SocketOption::kIntValue) {
    const int v = static_cast<int>(s.int_value());
    value.assign(reinterpret_cast<const char*>(&v), sizeof v);
  }
  using Moment = net::RawOption::Moment;
  const auto moment = s.state() == core::SocketOption::STATE_BOUND       ? Moment::after_bind
                      : s.state() == core::SocketOption::STATE_LISTENING ? Moment::listening
                                                                         : Moment::before_bind;
  const int family = s.ip_version() == core::SocketOption::SOCKET_IP_VERSION_IPV4   ? AF_INET
                     : s.ip_version() == core::SocketOption::SOCKET_IP_VERSION_IPV6 ? AF_INET6
                                                                                    : 0;
  return {static_cast<int>(s.level()), static_cast<int>(s.name()), std::move(value), moment, family};
}

std::vector<net::RawOption> to_raw_options(const google::protobuf::RepeatedPtrField<core::SocketOption>& list) {
  std::vector<net::RawOption> out;
  for (const auto& s : list)
    if (!s.type().has_datagram() || s.type().has_stream()) out.push_back(to_raw_option(s));
  return out;
}

std::optional<net::KeepaliveOptions> to_keepalive(const core::TcpKeepalive& k) {
  const auto off = [](bool has, const google::protobuf::UInt32Value& v) { return has && v.value() == 0; };
  if (off(k.has_keepalive_probes(), k.keepalive_probes()) || off(k.has_keepalive_time(), k.keepalive_time()) ||
      off(k.has_keepalive_interval(), k.keepalive_interval()))
    return {};
  return net::KeepaliveOptions{k.keepalive_probes().value(), k.keepalive_time().value(), k.keepalive_interval().value()};
}

upstream::LocalityPtr compile_locality(const core::Locality& l) {
  if (l.region().empty() && l.zone().empty() && l.sub_zone().empty()) return upstream::no_locality();
  return std::make_shared<const upstream::Locality>(upstream::Locality{l.region(), l.zone(), l.sub_zone()});
}

std::shared_ptr<TokenBucket> compile_token_bucket(const envoy::type::v3::TokenBucket& p, const Path& at, Problems& problems) {
  const Duration interval = to_duration(p.fill_interval());
  if (interval < std::chrono::milliseconds(50))
    problems.error(at / "fill_interval", "local rate limit token bucket fill timer must be >= 50ms");
  const double per_fill = p.has_tokens_per_fill() ? p.tokens_per_fill().value() : 1;
  return std::make_shared<TokenBucket>(p.max_tokens(), per_fill, std::max(interval, Duration(1)));
}

std::string lower(std::string_view s) {
  std::string out(s);
  for (char& c : out) c = outrigger::lower(c);
  return out;
}

}  // namespace outrigger::xds
