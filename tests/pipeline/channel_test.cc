#include "channel.h"

#include <thread>

#include "support/catch.h"

using natlens::pipeline::Channel;

TEST_CASE("channel: items arrive in order and no more than the capacity are ever made",
          "[pipeline][channel]") {
  Channel<int> channel(3);
  std::thread sender([&] {
    for (int i = 0; i < 1000; ++i) {
      auto item = channel.acquire();
      *item = i;
      channel.send(std::move(item));
    }
    channel.close();
  });
  std::vector<int*> places;
  int expected = 0;
  while (auto item = channel.receive()) {
    CHECK(*item == expected++);
    if (std::find(places.begin(), places.end(), item.get()) == places.end()) {
      places.push_back(item.get());
    }
    channel.release(std::move(item));
  }
  sender.join();
  CHECK(expected == 1000);
  CHECK(places.size() <= 3);
}

TEST_CASE("channel: a sender that waits is let go when the receiver leaves",
          "[pipeline][channel]") {
  Channel<int> channel(1);
  auto only = channel.acquire();
  std::thread sender([&] { CHECK(channel.acquire() == nullptr); });
  channel.abandon();
  sender.join();
}
