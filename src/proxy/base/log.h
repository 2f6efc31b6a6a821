// The process's own log: named loggers with a level each, one line per event, written with one
// write(2). Any thread may log; format and destination are set by main before threads start.
//   LOG_INFO(logger::config, "listener ", name, " added");
// Arguments are evaluated only when the level is on; the check is one relaxed load.
#pragma once
#include <array>
#include <atomic>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

namespace outrigger::logger {

// Envoy's loggers, in the order of its /logging page.
#define OUTRIGGER_LOGGERS(X)                                                                                                   \
  X(a2a)                                                                                                                       \
  X(admin) X(ai_protocol_manager) X(alternate_protocols_cache) X(aws) X(assert) X(backtrace) X(basic_auth) X(cache_filter)     \
      X(client) X(config) X(connection) X(conn_handler) X(compression) X(credential_injector) X(decompression) X(dns) X(dubbo) \
          X(envoy_bug) X(ext_authz) X(ext_proc) X(rocketmq) X(file) X(filter) X(forward_proxy) X(geolocation) X(grpc)          \
              X(happy_eyeballs) X(hc) X(health_checker) X(http) X(http2) X(hystrix) X(init) X(io) X(jwt) X(json_rpc) X(kafka)  \
                  X(key_value_store) X(lua) X(local_rate_limit) X(main) X(matcher) X(mcp) X(misc) X(mongo) X(multi_connection) \
                      X(notification) X(oauth2) X(quic) X(quic_stream) X(pool) X(rate_limit_quota) X(rbac) X(rds) X(redis)     \
                          X(router) X(runtime) X(stats) X(secret) X(sse) X(tap) X(testing) X(thrift) X(tracing) X(upstream)    \
                              X(udp) X(wasm) X(websocket) X(golang) X(stats_sinks) X(dynamic_modules) X(ip_tagging)

enum Id : std::uint8_t {
#define OUTRIGGER_LOGGER_ID(name) name,
  OUTRIGGER_LOGGERS(OUTRIGGER_LOGGER_ID)
#undef OUTRIGGER_LOGGER_ID
};
#define OUTRIGGER_LOGGER_COUNT(name) +1
inline constexpr std::size_t kLoggers = 0 OUTRIGGER_LOGGERS(OUTRIGGER_LOGGER_COUNT);
#undef OUTRIGGER_LOGGER_COUNT

enum class Level : std::uint8_t { trace, debug, info, warning, error, critical, off };
inline constexpr std::array<std::string_view, 7> kLevelNames{"trace", "debug", "info", "warning", "error", "critical", "off"};

std::string_view name(Id id) noexcept;
std::optional<Id> find(std::string_view name) noexcept;
/// "warn" means warning, as on Envoy's command line.
std::optional<Level> parse_level(std::string_view name) noexcept;

extern std::array<std::atomic<Level>, kLoggers> levels;
inline bool enabled(Id id, Level level) noexcept { return level >= levels[id].load(std::memory_order_relaxed); }
inline Level level(Id id) noexcept { return levels[id].load(std::memory_order_relaxed); }
inline void set_level(Id id, Level l) noexcept { levels[id].store(l, std::memory_order_relaxed); }
void set_all_levels(Level l) noexcept;
/// "upstream:debug,config:trace", the value of --component-log-level. Returns what is wrong.
std::optional<std::string> set_component_levels(std::string_view list);

inline constexpr std::string_view kDefaultFormat = "[%Y-%m-%d %T.%e][%t][%l][%n] [%g:%#] %v";
/// The value of --log-format: spdlog's flags.
void set_format(std::string_view format);
/// The value of --log-path; standard error until then. False, with errno: not opened.
bool open_file(const std::string& path);
/// Opens the file again, after it was rotated. Any thread.
bool reopen_file();

/// What a line is made from.
struct Event {
  Id id;
  Level level;
  const char* file;
  int line;
};
void write(const Event& event, std::string_view message);
/// The text of a line, without its end.
std::string render(const Event& event, std::string_view message);

namespace detail {
template <class T>
void append(std::string& out, const T& value) {
  if constexpr (std::is_same_v<T, bool>) {
    out += value ? "true" : "false";
  } else if constexpr (std::is_same_v<T, char>) {
    out += value;
  } else if constexpr (std::is_arithmetic_v<T>) {
    char text[40];
    const auto end = std::to_chars(text, text + sizeof text, value).ptr;
    out.append(text, end);
  } else {
    out += std::string_view(value);
  }
}
}  // namespace detail

template <class... Parts>
[[gnu::noinline]] void write_parts(const Event& event, const Parts&... parts) {
  std::string message;
  (detail::append(message, parts), ...);
  write(event, message);
}

}  // namespace outrigger::logger

#define OUTRIGGER_LOG(log_level, log_id, ...)                                                                               \
  do {                                                                                                                      \
    if (::outrigger::logger::enabled((log_id), ::outrigger::logger::Level::log_level)) {                                    \
      ::outrigger::logger::write_parts({(log_id), ::outrigger::logger::Level::log_level, __FILE__, __LINE__}, __VA_ARGS__); \
    }                                                                                                                       \
  } while (false)
#define LOG_TRACE(id, ...) OUTRIGGER_LOG(trace, id, __VA_ARGS__)
#define LOG_DEBUG(id, ...) OUTRIGGER_LOG(debug, id, __VA_ARGS__)
#define LOG_INFO(id, ...) OUTRIGGER_LOG(info, id, __VA_ARGS__)
#define LOG_WARN(id, ...) OUTRIGGER_LOG(warning, id, __VA_ARGS__)
#define LOG_ERROR(id, ...) OUTRIGGER_LOG(error, id, __VA_ARGS__)
#define LOG_CRITICAL(id, ...) OUTRIGGER_LOG(critical, id, __VA_ARGS__)
