// Large updates: taken in slices, so that the main thread does other things in between.
#include "xds/client/client_state.h"

namespace outrigger::xds {

/// Nobody but one watch of all is concerned, and it wants to take its time.
bool Client::begin_work(Type& t, Response& r) {
  if (work_ != nullptr || t.watches.size() != 1) return false;
  const auto& w = t.watches.front();
  if (!w->all || !w->space.empty() || !w->names.empty()) return false;
  auto next = std::make_unique<Work>(Work{t, {}, {}, w, loop_.read_clock()});
  if (!fill_for_all(*w, r, next->update)) return false;
  next->work = w->events.begin_update(next->update);
  if (next->work == nullptr) return false;
  next->response = std::move(r);  // what the update points to stays where it is
  w->end_wait();
  work_ = std::move(next);
  go_on_working();
  return true;
}

void Client::go_on_working() {
  if (work_ == nullptr) return;
  const auto done = [this] {
    const event::PostBatch batch;
    return work_->work->go_on();
  }();
  if (done) return end_work();
  loop_.post([this, alive = std::weak_ptr<int>(alive_)] {
    if (!alive.expired()) go_on_working();
  });
}

void Client::end_work() {
  const auto done = std::move(work_);
  const auto taken = done->work->result();
  count(*done->watch, done->update, taken, done->begin);
  answer(done->type, done->response, taken);
  if (!flushing_) flush();
  while (work_ == nullptr && !backlog_.empty()) {
    Response next = std::move(backlog_.front());
    backlog_.pop_front();
    receive(std::move(next));
  }
  if (backlog_.empty() && std::exchange(told_enough_, false) && stream_ != nullptr) stream_->go_on();
}

/// What has come is taken, before the stream is given up.
void Client::finish_backlog() {
  closing_ = true;  // there is nobody to tell
  while (work_ != nullptr) go_on_working();
  closing_ = false;
}

}  // namespace outrigger::xds
