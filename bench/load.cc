// Load generator of the bench: one thread, one epoll loop, HTTP/1.1 or TCP against 127.0.0.1:PORT.
//   load MODE PORT [connections=N] [seconds=S] [rate=R] [close=1] [path=/P] [headers=N] [body=BYTES]
//     [tls=full|resume] [header=NAME:VALUE]... [keys=N]
// With keys the requests carry the header x-key with N values in turn.
// MODE: http; ping (100 bytes there and back); bulk (reads a stream).
// With a rate the load is open: operation k is due at k/R, whether or not the proxy keeps up, and its latency counts
// from then (no coordinated omission). Without a rate every connection starts its next operation at once.
// Prints one line of JSON.
#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sockets.h"
#include "tls.h"

namespace outrigger::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr double kWarmUp = 0.15;  // of an open load's time: connections and their handshakes are made, nothing counts

struct Options {
  std::string mode = "http";
  std::uint16_t port = 0;
  unsigned connections = 64;
  double seconds = 1;
  double rate = 0;
  bool close = false;
  std::string path = "/small";
  unsigned headers = 0;
  std::size_t body = 0;
  std::string more_headers;  // whole lines
  unsigned keys = 0;
  std::string tls;  // full: every handshake is a whole one; resume: those after a connection's first are resumed
};

Options parse(int argc, char** argv) {
  Options o;
  if (argc < 3) {
    std::fputs("usage: load MODE PORT [name=value...]\n", stderr);
    std::exit(2);
  }
  o.mode = argv[1];
  o.port = static_cast<std::uint16_t>(std::atoi(argv[2]));
  for (int i = 3; i < argc; ++i) {
    const std::string_view argument = argv[i];
    const std::size_t at = argument.find('=');
    const std::string_view name = argument.substr(0, at);
    const std::string value(at == std::string_view::npos ? "" : argument.substr(at + 1));
    if (name == "connections")
      o.connections = static_cast<unsigned>(std::stoul(value));
    else if (name == "seconds")
      o.seconds = std::stod(value);
    else if (name == "rate")
      o.rate = std::stod(value);
    else if (name == "close")
      o.close = value == "1";
    else if (name == "path")
      o.path = value;
    else if (name == "headers")
      o.headers = static_cast<unsigned>(std::stoul(value));
    else if (name == "body")
      o.body = std::stoul(value);
    else if (name == "header")
      o.more_headers += value + "\r\n";
    else if (name == "keys")
      o.keys = static_cast<unsigned>(std::min(std::stoul(value), 100000UL));
    else if (name == "tls")
      o.tls = value;
    else {
      std::fprintf(stderr, "unknown option %s\n", argv[i]);
      std::exit(2);
    }
  }
  return o;
}

std::string make_request(const Options& o, unsigned key) {
  std::string head = (o.body > 0 ? "POST " : "GET ") + o.path + " HTTP/1.1\r\nHost: bench.test\r\n";
  for (unsigned i = 0; i < o.headers; ++i) {
    head += "x-bench-header-" + std::to_string(i) + ": some value of usual length " + std::to_string(i) + "\r\n";
  }
  head += o.more_headers;
  if (o.keys > 0) head += "x-key: " + std::to_string(key) + "\r\n";
  if (o.close) head += "Connection: close\r\n";
  if (o.body > 0) head += "Content-Length: " + std::to_string(o.body) + "\r\n";
  return head + "\r\n" + std::string(o.body, 'z');
}

struct Connection {
  int fd = -1;
  bool connected = false;
  bool busy = false;
  bool first = true;      // tcp: the mode byte goes first
  Clock::time_point due;  // when the operation under way was due
  std::string_view output;
  std::string head;      // of the response, until it is whole
  std::size_t left = 0;  // bytes of the response still to come
  bool in_body = false;
  std::unique_ptr<TlsClient> tls;  // null: plain
};

class Load {
 public:
  explicit Load(const Options& o)
      : options_(o), epoll_(epoll_create1(EPOLL_CLOEXEC)), block_(256 * 1024), connections_(o.connections) {
    if (epoll_ < 0) die("epoll_create1");
    if (o.mode == "http") {
      for (unsigned key = 0; key < std::max(o.keys, 1U); ++key) requests_.push_back(make_request(o, key));
    } else {
      requests_.push_back(o.mode == "ping" ? std::string(100, 'p') : "D");
      first_ = (o.mode == "ping" ? "E" : "") + requests_.front();
    }
    latencies_.reserve(1 << 20);
    if (o.tls.empty()) return;
    for (Connection& c : connections_) c.tls = std::make_unique<TlsClient>(o.tls == "resume");
  }

  void run() {
    start_ = Clock::now();
    for (Connection& c : connections_) {
      if (!options_.close) open(c);
      if (options_.close) idle_.push_back(&c);
    }
    end_ = start_ + to_duration(options_.seconds);
    while (Clock::now() < end_) {
      start_due();
      wait();
    }
    print();
  }

 private:
  static Clock::duration to_duration(double seconds) {
    return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
  }

  void open(Connection& c) {
    source_ = static_cast<std::uint8_t>(source_ % 200 + 1);
    c.fd = connect_to(options_.port, options_.close ? source_ : 1);
    if (c.tls) c.tls->open(c.fd);
    c.connected = false;
    c.first = true;
    epoll_event event{EPOLLIN | EPOLLOUT | EPOLLET | EPOLLRDHUP, {&c}};
    if (epoll_ctl(epoll_, EPOLL_CTL_ADD, c.fd, &event) != 0) die("epoll_ctl");
  }

  void start_due() {
    if (options_.mode == "bulk") return;
    const Clock::time_point now = Clock::now();
    while (!idle_.empty()) {
      Clock::time_point due = now;
      if (options_.rate > 0) {
        due = start_ + to_duration(static_cast<double>(started_) / options_.rate);
        if (due > now) return;
      }
      Connection& c = *idle_.front();
      idle_.pop_front();
      ++started_;
      begin(c, due);
    }
  }

  void begin(Connection& c, Clock::time_point due) {
    c.due = due;
    c.busy = true;
    c.head.clear();
    c.in_body = false;
    c.left = options_.mode == "ping" ? requests_.front().size() : 0;
    if (c.fd < 0) open(c);
    c.output = c.first && !first_.empty() ? first_ : requests_[next_];
    next_ = next_ + 1 == requests_.size() ? 0 : next_ + 1;
    c.first = false;
    if (c.connected && !write(c)) fail(c);
  }

  void wait() {
    timespec timeout{0, 1000000};
    if (options_.rate > 0 && !idle_.empty()) {
      const auto due = start_ + to_duration(static_cast<double>(started_) / options_.rate);
      const auto gap = std::chrono::duration_cast<std::chrono::nanoseconds>(due - Clock::now()).count();
      timeout.tv_nsec = std::clamp<long>(gap, 0, 1000000);
    }
    const int n = epoll_pwait2(epoll_, events_.data(), static_cast<int>(events_.size()), &timeout, nullptr);
    for (int i = 0; i < n; ++i) handle(*static_cast<Connection*>(events_[i].data.ptr), events_[i].events);
  }

  void handle(Connection& c, std::uint32_t events) {
    if (c.fd < 0) return;
    if (!c.connected && (events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) != 0) {
      int error = 0;
      socklen_t size = sizeof(error);
      getsockopt(c.fd, SOL_SOCKET, SO_ERROR, &error, &size);
      if (error != 0) return fail(c);
      c.connected = true;
      if (options_.mode == "bulk")
        begin(c, Clock::now());
      else if (!c.busy)
        idle_.push_back(&c);
    }
    if (c.busy && !c.output.empty() && !write(c)) return fail(c);
    if ((events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP)) != 0 && !read(c)) fail(c);
  }

  bool write(Connection& c) {
    while (!c.output.empty()) {
      const ssize_t n = c.tls ? c.tls->write(c.output) : send(c.fd, c.output.data(), c.output.size(), MSG_NOSIGNAL);
      if (n < 0) return errno == EAGAIN;
      c.output.remove_prefix(static_cast<std::size_t>(n));
      if (options_.body > 0) bytes_ += static_cast<std::size_t>(n);
    }
    return true;
  }

  bool read(Connection& c) {
    for (int turn = 0;; ++turn) {
      const ssize_t n = c.tls ? c.tls->read(block_) : recv(c.fd, block_.data(), block_.size(), 0);
      if (n < 0) return errno == EAGAIN;
      if (n == 0) return !c.busy && closed_while_idle(c);
      if (options_.body == 0) bytes_ += static_cast<std::size_t>(n);
      if (options_.mode == "bulk") {
        if (turn >= 8 && Clock::now() >= end_) return true;
        continue;
      }
      if (!c.busy || !input(c, {block_.data(), static_cast<std::size_t>(n)})) return false;
      if (c.fd < 0 || (!c.tls && static_cast<std::size_t>(n) < block_.size())) return true;
    }
  }

  // A proxy may close a kept-alive connection between two requests: open it again.
  bool closed_while_idle(Connection& c) {
    const auto at = std::find(idle_.begin(), idle_.end(), &c);
    if (at != idle_.end()) idle_.erase(at);
    drop(c);
    open(c);
    return true;
  }

  bool input(Connection& c, std::string_view data) {
    if (options_.mode == "ping") {
      if (data.size() > c.left) return false;
      c.left -= data.size();
      if (c.left == 0) finish(c);
      return true;
    }
    if (!c.in_body) {
      const std::size_t before = c.head.size();
      c.head.append(data);
      const std::size_t end = c.head.find("\r\n\r\n");
      if (end == std::string::npos) return c.head.size() < 65536;
      data.remove_prefix(end + 4 - before);
      c.head.resize(end + 2);
      if (!c.head.starts_with("HTTP/1.1 200")) return false;
      c.left = content_length(c.head);
      c.in_body = true;
    }
    if (data.size() > c.left) return false;
    c.left -= data.size();
    if (c.left == 0) finish(c);
    return true;
  }

  static std::size_t content_length(std::string_view head) {
    for (const std::string_view name : {"\r\ncontent-length: ", "\r\nContent-Length: "}) {
      const std::size_t at = head.find(name);
      if (at != std::string_view::npos) return std::strtoull(head.data() + at + name.size(), nullptr, 10);
    }
    return 0;
  }

  void finish(Connection& c) {
    const auto took = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - c.due).count();
    if (options_.rate == 0 || c.due >= start_ + to_duration(options_.seconds * kWarmUp))
      latencies_.push_back(static_cast<std::uint32_t>(std::clamp<long>(took, 0, 4000000000L)));
    c.busy = false;
    if (options_.close) drop(c);
    if (options_.rate == 0 && !options_.close) {
      ++started_;
      return begin(c, Clock::now());
    }
    idle_.push_back(&c);
  }

  void drop(Connection& c) {
    if (c.tls) c.tls->close();
    ::close(c.fd);
    c.fd = -1;
    c.connected = false;
  }

  // A failed operation is counted and its connection replaced; too many end the run.
  void fail(Connection& c) {
    if (++errors_ > 1000) {
      print();
      std::exit(1);
    }
    const bool listed = std::find(idle_.begin(), idle_.end(), &c) != idle_.end();
    if (c.fd >= 0) drop(c);
    c.busy = false;
    if (options_.close) {
      if (!listed) idle_.push_back(&c);
    } else {
      if (listed) idle_.erase(std::find(idle_.begin(), idle_.end(), &c));
      open(c);
    }
  }

  double percentile(double share) const {
    if (latencies_.empty()) return 0;
    const auto at = static_cast<std::size_t>(share * static_cast<double>(latencies_.size() - 1));
    return latencies_[at];
  }

  // What was due and is not done counts with the time it has waited so far.
  void add_unfinished() {
    const Clock::time_point now = Clock::now();
    const auto add = [&](Clock::time_point due) {
      const auto waited = std::chrono::duration_cast<std::chrono::microseconds>(now - due).count();
      latencies_.push_back(static_cast<std::uint32_t>(std::clamp<long>(waited, 0, 4000000000L)));
    };
    for (const Connection& c : connections_) {
      if (c.busy && now - c.due > std::chrono::milliseconds(5)) add(c.due);
    }
    for (;; ++started_) {
      const Clock::time_point due = start_ + to_duration(static_cast<double>(started_) / options_.rate);
      if (due >= end_) return;
      add(due);
    }
  }

  void print() {
    const std::size_t operations = latencies_.size();
    if (options_.rate > 0) add_unfinished();
    const double seconds = std::chrono::duration<double>(Clock::now() - start_).count();
    std::sort(latencies_.begin(), latencies_.end());
    const std::size_t due = options_.rate > 0 ? static_cast<std::size_t>(options_.rate * options_.seconds) : 0;
    std::printf(
        "{\"operations\":%zu,\"due\":%zu,\"bytes\":%zu,\"seconds\":%.4f,\"errors\":%u,"
        "\"p50_us\":%.0f,\"p90_us\":%.0f,\"p99_us\":%.0f,\"max_us\":%.0f}\n",
        operations, due, bytes_, seconds, errors_, percentile(0.5), percentile(0.9), percentile(0.99), percentile(1));
    std::fflush(stdout);
  }

  Options options_;
  int epoll_;
  std::vector<char> block_;
  std::vector<Connection> connections_;
  std::array<epoll_event, 256> events_{};
  std::deque<Connection*> idle_;
  std::vector<std::string> requests_;  // one for each key
  std::size_t next_ = 0;
  std::string first_;  // tcp: what a connection begins with
  std::vector<std::uint32_t> latencies_;
  Clock::time_point start_;
  Clock::time_point end_;
  std::size_t started_ = 0;
  std::size_t bytes_ = 0;
  unsigned errors_ = 0;
  std::uint8_t source_ = 0;
};

}  // namespace
}  // namespace outrigger::bench

int main(int argc, char** argv) {
  outrigger::bench::Load load(outrigger::bench::parse(argc, argv));
  load.run();
}
