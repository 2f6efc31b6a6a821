// What the gRPC filters share: kinds of messages, their frames, the stats of a method. Worker's thread.
#pragma once
#include <cstdint>
#include <optional>
#include <string_view>
#include "proxy/hcm/stream.h"
#include "proxy/stats/named_blocks.h"

namespace outrigger::filters {

/// Is it an answer in gRPC? One that is a head alone needs a status only.
bool is_grpc_response(const http::ResponseHead& head, bool end_stream) noexcept;

/// What a response's head says of the host's health, as a code of HTTP: of gRPC the status, when it has one.
std::uint16_t health_code(const http::RequestHead& request, const http::ResponseHead& head) noexcept;

/// What gRPC's code is in HTTP; 500 for one that it does not define.
std::uint16_t http_status_of_grpc(std::uint64_t status) noexcept;

/// The parts of "/package.Service/Method".
struct GrpcMethod {
  std::string_view service, method;
};
/// None: the path, up to its query, has not just two parts.
std::optional<GrpcMethod> grpc_method_of(std::string_view path) noexcept;

/// The stats "cluster.<name>.<protocol>." of the cluster that the stream's route chose, below it those of a method. None: the
/// route chose no cluster.
stats::BlockHandle grpc_stats_of(hcm::Stream& stream, stats::NamedBlocks& names, std::string_view protocol,
                                 const std::optional<GrpcMethod>& method, bool replace_dots = false);
/// What grpc-status says, if the map has it.
void charge_grpc_status(stats::Cells& cells, stats::BlockHandle block, const http::HeaderMap& map) noexcept;

/// The five bytes before each message.
struct GrpcFrameHead {
  static constexpr std::size_t kBytes = 5;
  static constexpr std::uint8_t kCompressed = 1, kConnectEnd = 2, kWebTrailers = 0x80;
  std::uint8_t flags = 0;
  std::uint32_t length = 0;
  std::uint8_t have = 0;
  /// True: it is complete.
  bool take(char c) noexcept;
  static void append(Buffer& out, std::uint8_t flags, std::uint32_t length);
};

/// Follows the messages of a body through its parts, wherever they are cut.
class GrpcFrames {
 public:
  /// Tells `v`: begin(flags) of a message (false: nothing more of this part), head(byte) for each byte of its head,
  /// content(part), end().
  template <class Visitor>
  void take(std::string_view run, Visitor& v) {
    while (!run.empty()) {
      if (left_ == 0) {
        if (head_.have == 0 && !v.begin(static_cast<std::uint8_t>(run[0]))) return;
        const bool complete = head_.take(run[0]);
        v.head(run.substr(0, 1));
        run.remove_prefix(1);
        if (!complete) continue;
        left_ = head_.length;
      } else {
        const auto part = run.substr(0, left_);
        v.content(part);
        left_ -= static_cast<std::uint32_t>(part.size());
        run.remove_prefix(part.size());
      }
      if (left_ == 0) v.end();
    }
  }

 private:
  GrpcFrameHead head_;
  std::uint32_t left_ = 0;  // of the message
};

/// The last message of a Connect stream: a JSON object, which has a member "error" if the call failed. Looked at as it
/// comes, loosely; nothing is kept.
class ConnectEnd {
 public:
  void take(std::string_view part) noexcept;
  bool is_success() const noexcept { return begun_ && depth_ == 0 && !in_string_ && !bad_ && !error_; }

 private:
  void take_in_string(char c) noexcept;
  std::uint32_t depth_ = 0;
  std::size_t matched_ = 0;  // of the name of a member
  bool begun_ = false, bad_ = false, error_ = false, in_string_ = false, escaped_ = false, name_next_ = false, is_name_ = false;
};

/// Counts the messages of a body that passes by.
class GrpcMessages {
 public:
  /// `response`: what follows the end message of Connect is not counted, nor is that one.
  explicit GrpcMessages(bool response) noexcept : response_(response) {}
  /// How many begin in this part.
  std::uint64_t count_in(const Buffer& part) noexcept;
  std::uint64_t count() const noexcept { return count_; }
  bool connect_success() const noexcept { return end_ == End::seen && connect_end_.is_success(); }

 private:
  friend GrpcFrames;
  bool begin(std::uint8_t flags) noexcept;
  void head(std::string_view) noexcept {}
  void content(std::string_view part) noexcept {
    if (end_ == End::reading) connect_end_.take(part);
  }
  void end() noexcept {
    if (end_ == End::reading) end_ = End::seen;
  }
  enum class End : std::uint8_t { none, reading, seen } end_ = End::none;
  bool response_;
  GrpcFrames frames_;
  std::uint64_t count_ = 0;
  ConnectEnd connect_end_;
};

}  // namespace outrigger::filters
