// The callers, which are state machines on completion queues.
#pragma once

#include <google/protobuf/wrappers.pb.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/impl/codegen/proto_utils.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "setup.h"

// Has the field of HelloRequest and HelloReply.
using Message = google::protobuf::StringValue;
using Stub = grpc::TemplatedGenericStub<Message, Message>;
using Clock = std::chrono::steady_clock;

// Far longer than a call takes, so only the cost of setting it is measured.
constexpr auto kTimeout = std::chrono::seconds(20);

// Returns what a call sends, and expects back.
inline std::string Text(int caller, int call, size_t length) {
  char head[32];
  const size_t size = std::snprintf(head, sizeof(head), "%04d-%08d-", caller, call);
  std::string name;
  name.reserve(std::max(length, size));
  name.assign(head, size);
  if (size < length) name.append(length - size, 'x');
  return name;
}

inline void Compare(const Message& reply, const std::string& name) {
  if (reply.value() != name) throw std::runtime_error("the reply is that of another call");
}

inline void Check(const grpc::Status& status) {
  if (!status.ok()) {
    throw std::runtime_error(std::to_string(status.error_code()) + ": " + status.error_message());
  }
}

// The times that calls took, in nanoseconds, if they are measured.
class Times {
 public:
  explicit Times(bool is_measured) : is_measured_(is_measured) {}

  Clock::time_point Start() const { return is_measured_ ? Clock::now() : Clock::time_point(); }

  void End(Clock::time_point start) {
    if (is_measured_) {
      all.push_back(std::chrono::nanoseconds(Clock::now() - start).count());
    }
  }

  std::vector<int64_t> all;

 private:
  bool is_measured_;
};

// Where a caller has its stubs from.
struct StubSource {
  // Returns the stub for a call, which lives until `drop`.
  std::function<Stub*()> next;
  // Drops what only the last call needed.
  std::function<void()> drop;
};

// Makes unary calls, one after the other.
class Caller {
 public:
  Caller(StubSource stubs, grpc::CompletionQueue& queue, const Case& work, int number, int calls,
         Times& times)
      : stubs_(std::move(stubs)), queue_(queue), work_(work), number_(number), calls_(calls), times_(times) {}

  // Starts the next call. Returns false if there is none.
  bool Next() {
    if (call_ == calls_) return false;
    // What the last call leaves is not part of the next one's time. Its context goes before its channel.
    reader_.reset();
    context_.reset();
    stubs_.drop();
    start_ = times_.Start();
    context_.emplace();
    if (work_.timeout) context_->set_deadline(std::chrono::system_clock::now() + kTimeout);
    request_.set_value(Text(number_, call_, work_.bytes));
    reader_ = stubs_.next()->PrepareUnaryCall(&*context_, "/helloworld.Greeter/SayHello", request_, &queue_);
    reader_->StartCall();
    reader_->Finish(&reply_, &status_, this);
    ++call_;
    return true;
  }

  // Handles the end of the call.
  void Ended() {
    Check(status_);
    Compare(reply_, request_.value());
    times_.End(start_);
  }

 private:
  StubSource stubs_;
  grpc::CompletionQueue& queue_;
  const Case& work_;
  const int number_;
  const int calls_;
  Times& times_;
  int call_ = 0;
  Clock::time_point start_;
  Message request_;
  Message reply_;
  grpc::Status status_;
  std::optional<grpc::ClientContext> context_;
  std::unique_ptr<grpc::ClientAsyncResponseReader<Message>> reader_;
};

// Runs the callers with the numbers first, first + step and so on, on this thread.
//
// `sources` returns where each caller has its stubs from.
inline void RunCallers(const std::function<StubSource()>& sources, const Round& round, int first, int step, Times& times) {
  grpc::CompletionQueue queue;
  const Case& work = round.work;
  std::vector<std::unique_ptr<Caller>> callers;
  int running = 0;
  for (int number = first; number < work.in_flight; number += step) {
    const int calls = round.calls / work.in_flight + (number < round.calls % work.in_flight);
    callers.push_back(std::make_unique<Caller>(sources(), queue, work, number, calls, times));
    running += callers.back()->Next();
  }
  void* tag;
  bool ok;
  while (running > 0 && queue.Next(&tag, &ok)) {
    auto* caller = static_cast<Caller*>(tag);
    caller->Ended();
    if (!caller->Next()) --running;
  }
}

// Makes one call that sends messages and gets each back. The case bounds the number of messages on
// their way.
class Stream {
 public:
  Stream(Stub& stub, const Round& round, Times& times) : round_(round), times_(times) {
    call_ = stub.PrepareCall(&context_, "/helloworld.Greeter/SayHelloBidiStream", &queue_);
    call_->StartCall(Tag(kStart));
  }

  void Run() {
    void* tag;
    bool ok;
    while (!is_finished_ && queue_.Next(&tag, &ok)) {
      Handle(static_cast<Event>(reinterpret_cast<intptr_t>(tag)), ok);
    }
    Check(status_);
    if (received_ != round_.calls) throw std::runtime_error("the call ended before its last reply");
  }

 private:
  enum Event : intptr_t { kStart, kWritten, kRead, kClosed, kFinished };

  static void* Tag(Event event) { return reinterpret_cast<void*>(static_cast<intptr_t>(event)); }

  void Handle(Event event, bool ok) {
    switch (event) {
      case kStart:
        call_->Read(&reply_, Tag(kRead));
        Write();
        break;
      case kWritten:
        is_writing_ = false;
        if (ok) Write();
        break;
      case kRead:
        if (!ok) {
          call_->Finish(&status_, Tag(kFinished));
          break;
        }
        Compare(reply_, sent_.front().name);
        times_.End(sent_.front().start);
        sent_.pop_front();
        ++received_;
        call_->Read(&reply_, Tag(kRead));
        Write();
        break;
      case kClosed:
        break;
      case kFinished:
        is_finished_ = true;
        break;
    }
  }

  // Sends the next message if it may be sent now, or ends the messages after the last one.
  void Write() {
    if (is_writing_ || is_closed_) return;
    if (next_ == round_.calls) {
      is_closed_ = true;
      call_->WritesDone(Tag(kClosed));
      return;
    }
    if (static_cast<int>(sent_.size()) >= std::max(round_.work.in_flight, 1)) return;
    sent_.push_back({Text(0, next_, round_.work.bytes), times_.Start()});
    request_.set_value(sent_.back().name);
    ++next_;
    is_writing_ = true;
    call_->Write(request_, Tag(kWritten));
  }

  struct Sent {
    std::string name;
    Clock::time_point start;
  };

  const Round& round_;
  Times& times_;
  grpc::CompletionQueue queue_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientAsyncReaderWriter<Message, Message>> call_;
  Message request_;
  Message reply_;
  grpc::Status status_;
  // What is on its way, in the order of sending.
  std::deque<Sent> sent_;
  int next_ = 0;
  int received_ = 0;
  bool is_writing_ = false;
  bool is_closed_ = false;
  bool is_finished_ = false;
};
