#include "samples/support/fair_work.hpp"

#include <iterator>

namespace samples {

struct FairWork::Task {
  Task(FairWork& of, Queues::iterator in_queue, const reactor::Stream* waiting_stream,
       Function what, reactor::Callback<void()> when_done)
      : work(of),
        queue(in_queue),
        stream(waiting_stream),
        function(std::move(what)),
        on_done(std::move(when_done)) {}
  Task(const Task&) = delete;
  Task& operator=(const Task&) = delete;
  ~Task() {
    stop.request_stop();
    if (job) job->task_ = nullptr;
  }

  [[nodiscard]] bool peer_has_ended() const { return stream && stream->peer_has_ended(); }

  FairWork& work;
  const Queues::iterator queue;
  const reactor::Stream* const stream;
  Function function;
  reactor::Callback<void()> on_done;
  Job* job = nullptr;  // Null when its Job is gone.
  std::stop_source stop;
  std::list<Task>* list = nullptr;  // Null when it runs.
  std::list<Task>::iterator place;
  std::optional<reactor::Work> running;
};

FairWork::FairWork(reactor::Loop& loop, Limits limits) : loop_(loop), limits_(limits) {}

FairWork::~FairWork() = default;

FairWork::Job FairWork::add(const Client& client, Function function,
                            reactor::Callback<void()> on_done) {
  const auto queue = queues_.try_emplace(client.name_).first;
  std::list<Task>& waiting = queue->second.waiting;
  Task& task =
      waiting.emplace_back(*this, queue, client.stream_, std::move(function), std::move(on_done));
  task.list = &waiting;
  task.place = std::prev(waiting.end());
  Job job(task);
  start();
  return job;
}

void FairWork::withdraw(Task& task) {
  task.job = nullptr;
  if (!task.list) {
    task.stop.request_stop();
    return;
  }
  std::list<Task> withdrawn;
  withdrawn.splice(withdrawn.begin(), *task.list, task.place);
  forget_if_unused(task.queue);
}

void FairWork::start() {
  while (running_.size() < limits_.at_once && begin_next()) {
  }
}

// False if no waiting function may begin.
bool FairWork::begin_next() {
  for (const auto tasks : {&Queue::waiting, &Queue::postponed}) {
    const auto first = queues_.upper_bound(last_);
    for (auto queue = first; queue != queues_.end(); ++queue) {
      if (begin_from(queue, tasks)) return true;
    }
    for (auto queue = queues_.begin(); queue != first; ++queue) {
      if (begin_from(queue, tasks)) return true;
    }
  }
  return false;
}

bool FairWork::begin_from(Queues::iterator place, std::list<Task> Queue::*tasks) {
  Queue& queue = place->second;
  if (queue.running >= limits_.of_each) return false;
  while (tasks == &Queue::waiting && !queue.waiting.empty() &&
         queue.waiting.front().peer_has_ended()) {
    queue.waiting.front().list = &queue.postponed;
    queue.postponed.splice(queue.postponed.end(), queue.waiting, queue.waiting.begin());
  }
  if ((queue.*tasks).empty()) return false;
  last_ = place->first;
  begin(queue.*tasks);
  return true;
}

void FairWork::begin(std::list<Task>& from) {
  const auto place = from.begin();
  running_.splice(running_.end(), from, place);
  place->list = nullptr;
  ++place->queue->second.running;
  place->running = reactor::Work::run(
      loop_,
      [function = std::move(place->function), stop = place->stop.get_token()]() mutable {
        function(stop);
      },
      [this, place] { finished(place); });
}

void FairWork::finished(std::list<Task>::iterator place) {
  std::list<Task> done;
  done.splice(done.begin(), running_, place);
  --place->queue->second.running;
  forget_if_unused(place->queue);
  Job* const job = std::exchange(place->job, nullptr);
  start();
  if (!job) return;
  job->task_ = nullptr;
  place->on_done();
}

void FairWork::forget_if_unused(Queues::iterator place) {
  const Queue& queue = place->second;
  if (queue.waiting.empty() && queue.postponed.empty() && queue.running == 0) queues_.erase(place);
}

FairWork::Job::Job(Task& task) : task_(&task) { task.job = this; }

FairWork::Job::Job(Job&& other) noexcept : task_(std::exchange(other.task_, nullptr)) {
  if (task_) task_->job = this;
}

FairWork::Job& FairWork::Job::operator=(Job&& other) noexcept {
  if (this == &other) return *this;
  if (task_) task_->work.withdraw(*task_);
  task_ = std::exchange(other.task_, nullptr);
  if (task_) task_->job = this;
  return *this;
}

FairWork::Job::~Job() {
  if (task_) task_->work.withdraw(*task_);
}

}  // namespace samples
