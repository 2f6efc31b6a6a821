#include "filters/grpc.h"

#include <algorithm>
#include <utility>

#include "proxy/base/numbers.h"

namespace outrigger::filters {

using http::Name;
using stats::GrpcStat;

bool is_grpc_response(const http::ResponseHead& head, bool end_stream) noexcept {
  if (end_stream) return head.headers.has(Name::grpc_status);
  return head.status == 200 && http::is_grpc_type(head.headers.get(Name::content_type));
}

std::uint16_t http_status_of_grpc(std::uint64_t status) noexcept {
  constexpr std::uint16_t kUnknown = 500;
  static constexpr std::uint16_t kCodes[] = {200, 499, kUnknown, 400, 504, 404, 409, 403, 429,
                                             400, 409, 400,      501, 500, 503, 500, 401};
  return status < std::size(kCodes) ? kCodes[status] : kUnknown;
}

std::uint16_t health_code(const http::RequestHead& request, const http::ResponseHead& head) noexcept {
  const auto* entry = request.is_grpc() ? head.headers.find(Name::grpc_status) : nullptr;
  if (entry == nullptr) return head.status;
  const auto status = to_number<std::uint64_t>(entry->value);
  return http_status_of_grpc(status.value_or(~std::uint64_t{0}));
}

std::optional<GrpcMethod> grpc_method_of(std::string_view path) noexcept {
  path = path.substr(0, path.find('?'));
  std::string_view parts[2];
  std::size_t n = 0;
  while (!path.empty()) {
    const auto part = path.substr(0, path.find('/'));
    path.remove_prefix(std::min(part.size() + 1, path.size()));
    if (part.empty()) continue;
    if (n == 2) return {};
    parts[n++] = part;
  }
  if (n != 2) return {};
  return GrpcMethod{parts[0], parts[1]};
}

stats::BlockHandle grpc_stats_of(hcm::Stream& stream, stats::NamedBlocks& names, std::string_view protocol,
                                 const std::optional<GrpcMethod>& method, bool replace_dots) {
  const auto* cluster = stream.chosen().cluster.empty() ? nullptr : stream.worker().clusters.find(stream.chosen().cluster);
  if (cluster == nullptr) return {};
  stats::BlockName name;
  name.put_cluster(cluster->config().stat_name).put(".").put(protocol);
  if (method) {
    name.put(".").put(method->service, replace_dots ? '.' : '\0', replace_dots ? '_' : '\0');
    name.put(".").put(method->method);
  }
  return names.find(name.text(), stream.thread().cells);
}

void charge_grpc_status(stats::Cells& cells, stats::BlockHandle block, const http::HeaderMap& map) noexcept {
  const auto* e = map.find(Name::grpc_status);
  if (e == nullptr) return;
  constexpr unsigned kLast = 16;
  const auto text = e->value;
  const auto n = to_number<unsigned>(text);
  const bool plain = text.size() == 1 || (text.size() == 2 && text[0] == '1');
  if (n && plain && *n <= kLast) cells.add(block, static_cast<GrpcStat>(*n));
  cells.add(block, text == "0" ? GrpcStat::success : GrpcStat::failure);
  cells.add(block, GrpcStat::total);
}

bool GrpcFrameHead::take(char c) noexcept {
  const auto byte = static_cast<std::uint8_t>(c);
  if (have == 0)
    flags = byte, length = 0;
  else
    length = length << 8 | byte;
  if (++have < kBytes) return false;
  have = 0;
  return true;
}

void GrpcFrameHead::append(Buffer& out, std::uint8_t flags, std::uint32_t length) {
  const char text[kBytes] = {static_cast<char>(flags), static_cast<char>(length >> 24), static_cast<char>(length >> 16),
                             static_cast<char>(length >> 8), static_cast<char>(length)};
  out.append({text, kBytes});
}

void ConnectEnd::take_in_string(char c) noexcept {
  constexpr std::string_view kError = "error";
  constexpr std::size_t kOther = kError.size() + 1;
  if (escaped_ || c == '\\') {
    escaped_ = !escaped_;
    matched_ = kOther;
  } else if (c == '"') {
    in_string_ = false;
    error_ = error_ || (is_name_ && matched_ == kError.size());
  } else {
    matched_ = matched_ < kError.size() && c == kError[matched_] ? matched_ + 1 : kOther;
  }
}

void ConnectEnd::take(std::string_view part) noexcept {
  for (const char c : part) {
    if (in_string_) {
      take_in_string(c);
      continue;
    }
    switch (c) {
      case ' ':
      case '\t':
      case '\r':
      case '\n': break;
      case '{':
      case '[':
        bad_ = bad_ || (depth_ == 0 && (begun_ || c == '['));
        begun_ = true;
        name_next_ = ++depth_ == 1;
        break;
      case '}':
      case ']':
        bad_ = bad_ || depth_ == 0;
        depth_ -= depth_ > 0 ? 1 : 0;
        break;
      case ',': name_next_ = depth_ == 1; break;
      case '"':
        in_string_ = true;
        matched_ = 0;
        is_name_ = std::exchange(name_next_, false);
        [[fallthrough]];
      default: bad_ = bad_ || depth_ == 0;
    }
  }
}

bool GrpcMessages::begin(std::uint8_t flags) noexcept {
  if (end_ != End::none) return false;
  if (response_ && (flags & GrpcFrameHead::kConnectEnd) != 0)
    end_ = End::reading;
  else
    ++count_;
  return true;
}

std::uint64_t GrpcMessages::count_in(const Buffer& part) noexcept {
  const auto before = count_;
  for (std::size_t i = 0; i < part.runs(); ++i) frames_.take(part.run(i), *this);
  return count_ - before;
}

}  // namespace outrigger::filters
