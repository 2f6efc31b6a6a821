// The HTTP/2 server behind the proxies of the bench (prior knowledge, one epoll loop, nghttp2).
// /unary answers a gRPC message of 20 bytes, /stream 100 messages of 1000 bytes, both with trailers; everything else a
// small body. Request bodies are read and dropped. Prints its port and serves until it is killed.
#include <nghttp2/nghttp2.h>
#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <unordered_map>

#include "sockets.h"

namespace outrigger::bench {
namespace {

constexpr std::size_t kMostBuffered = 256 * 1024;  // no more is made before the socket has taken it

/// `messages` gRPC messages of `bytes` each.
std::string make_messages(std::size_t messages, std::size_t bytes) {
  std::string out;
  for (std::size_t i = 0; i < messages; ++i) {
    const char head[5] = {0, 0, 0, static_cast<char>(bytes >> 8), static_cast<char>(bytes & 255)};
    out.append(head, 5).append(bytes, 'm');
  }
  return out;
}

struct Answer {
  std::string body;
  bool grpc = false;
};
const Answer& answer_for(std::string_view path) {
  static const Answer unary{make_messages(1, 20), true}, stream{make_messages(100, 1000), true}, small{std::string(65, 'x')};
  return path == "/unary" ? unary : path == "/stream" ? stream : small;
}

struct Stream {
  std::string path;
  const Answer* answer = nullptr;
  std::size_t sent = 0;
};

struct Connection {
  int fd = -1;
  nghttp2_session* session = nullptr;
  std::unordered_map<std::int32_t, Stream> streams;
  std::string output;
  bool writing = false;
};

Connection& of(void* user) { return *static_cast<Connection*>(user); }

nghttp2_nv field(std::string_view name, std::string_view value) {
  return {reinterpret_cast<std::uint8_t*>(const_cast<char*>(name.data())),
          reinterpret_cast<std::uint8_t*>(const_cast<char*>(value.data())), name.size(), value.size(),
          NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE};
}

ssize_t read_body(nghttp2_session* session, std::int32_t id, std::uint8_t* to, std::size_t size, std::uint32_t* flags,
                  nghttp2_data_source* source, void*) {
  auto& s = *static_cast<Stream*>(source->ptr);
  const std::size_t n = std::min(size, s.answer->body.size() - s.sent);
  std::memcpy(to, s.answer->body.data() + s.sent, n);
  s.sent += n;
  if (s.sent == s.answer->body.size()) {
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (s.answer->grpc) {
      *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
      const nghttp2_nv trailer = field("grpc-status", "0");
      nghttp2_submit_trailer(session, id, &trailer, 1);
    }
  }
  return static_cast<ssize_t>(n);
}

int on_begin(nghttp2_session*, const nghttp2_frame* frame, void* user) {
  of(user).streams.try_emplace(frame->hd.stream_id);
  return 0;
}

int on_header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name, std::size_t name_size,
              const std::uint8_t* value, std::size_t value_size, std::uint8_t, void* user) {
  if (std::string_view(reinterpret_cast<const char*>(name), name_size) != ":path") return 0;
  of(user).streams[frame->hd.stream_id].path.assign(reinterpret_cast<const char*>(value), value_size);
  return 0;
}

int on_frame(nghttp2_session* session, const nghttp2_frame* frame, void* user) {
  const bool ends = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
  if (!ends || (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA)) return 0;
  auto& s = of(user).streams[frame->hd.stream_id];
  s.answer = &answer_for(s.path);
  const std::string_view type = s.answer->grpc ? "application/grpc" : "text/plain";
  const std::array head{field(":status", "200"), field("content-type", type)};
  nghttp2_data_provider body{{.ptr = &s}, read_body};
  nghttp2_submit_response(session, frame->hd.stream_id, head.data(), head.size(), &body);
  return 0;
}

int on_close(nghttp2_session*, std::int32_t id, std::uint32_t, void* user) {
  of(user).streams.erase(id);
  return 0;
}

class Server {
 public:
  Server() : epoll_(epoll_create1(EPOLL_CLOEXEC)) {
    if (epoll_ < 0) die("epoll_create1");
    nghttp2_session_callbacks_new(&callbacks_);
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks_, on_begin);
    nghttp2_session_callbacks_set_on_header_callback(callbacks_, on_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks_, on_frame);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks_, on_close);
  }

  std::uint16_t listen() {
    std::uint16_t port = 0;
    listener_ = listen_any(port);
    epoll_event event{EPOLLIN, {nullptr}};
    if (epoll_ctl(epoll_, EPOLL_CTL_ADD, listener_, &event) != 0) die("epoll_ctl");
    return port;
  }

  [[noreturn]] void run() {
    std::array<epoll_event, 256> events{};
    for (;;) {
      const int n = epoll_wait(epoll_, events.data(), events.size(), -1);
      for (int i = 0; i < n; ++i) {
        auto* c = static_cast<Connection*>(events[i].data.ptr);
        if (c == nullptr)
          accept();
        else if (!turn(*c))
          drop(c);
      }
    }
  }

 private:
  void accept() {
    const int fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    no_delay(fd);
    auto* c = new Connection;
    c->fd = fd;
    nghttp2_session_server_new(&c->session, callbacks_, c);
    const nghttp2_settings_entry most{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 1000};
    nghttp2_submit_settings(c->session, NGHTTP2_FLAG_NONE, &most, 1);
    epoll_event event{EPOLLIN, {c}};
    if (epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) die("epoll_ctl");
  }

  bool turn(Connection& c) {
    const ssize_t n = recv(c.fd, block_.data(), block_.size(), 0);
    if (n == 0 || (n < 0 && errno != EAGAIN)) return false;
    if (n > 0 && nghttp2_session_mem_recv(c.session, block_.data(), static_cast<std::size_t>(n)) < 0) return false;
    return flush(c);
  }

  bool flush(Connection& c) {
    for (;;) {
      while (c.output.size() < kMostBuffered) {
        const std::uint8_t* data = nullptr;
        const ssize_t n = nghttp2_session_mem_send(c.session, &data);
        if (n < 0) return false;
        if (n == 0) break;
        c.output.append(reinterpret_cast<const char*>(data), static_cast<std::size_t>(n));
      }
      if (c.output.empty()) break;
      const ssize_t n = send(c.fd, c.output.data(), c.output.size(), MSG_NOSIGNAL);
      if (n < 0 && errno != EAGAIN) return false;
      if (n > 0) c.output.erase(0, static_cast<std::size_t>(n));
      if (!c.output.empty()) break;
    }
    if (c.writing != !c.output.empty()) {
      c.writing = !c.output.empty();
      epoll_event event{c.writing ? EPOLLIN | EPOLLOUT : EPOLLIN, {&c}};
      epoll_ctl(epoll_, EPOLL_CTL_MOD, c.fd, &event);
    }
    return nghttp2_session_want_read(c.session) != 0 || nghttp2_session_want_write(c.session) != 0;
  }

  void drop(Connection* c) {
    nghttp2_session_del(c->session);
    close(c->fd);
    delete c;
  }

  int epoll_, listener_ = -1;
  nghttp2_session_callbacks* callbacks_ = nullptr;
  std::array<std::uint8_t, 64 * 1024> block_{};
};

}  // namespace
}  // namespace outrigger::bench

int main() {
  outrigger::bench::Server server;
  std::printf("%u\n", static_cast<unsigned>(server.listen()));
  std::fflush(stdout);
  server.run();
}
