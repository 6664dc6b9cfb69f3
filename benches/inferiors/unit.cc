// One unit of a program with much debug information: `benches/native.py` links it many times, each time with another name in the place of
// `unit_0`.  What it includes and instantiates is there for its size.

#include <algorithm>
#include <any>
#include <bitset>
#include <chrono>
#include <complex>
#include <deque>
#include <filesystem>
#include <functional>
#include <future>
#include <iostream>
#include <list>
#include <map>
#include <memory>
#include <numeric>
#include <optional>
#include <queue>
#include <random>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <tuple>
#include <unordered_map>
#include <variant>
#include <vector>

namespace {

template <int N> struct Record {
    std::map<std::string, std::vector<std::optional<std::variant<int, double, std::string>>>> table;
    std::unordered_map<int, std::shared_ptr<std::deque<std::tuple<int, long, std::string>>>> index;
    std::function<int(int)> next;

    int use(int left) {
        table["key"].push_back(std::string("value") + std::to_string(N));
        auto found = index.find(N);
        if (found == index.end()) {
            index[N] = std::make_shared<std::deque<std::tuple<int, long, std::string>>>();
        }
        std::vector<int> numbers(10);
        std::iota(numbers.begin(), numbers.end(), N);
        std::sort(numbers.begin(), numbers.end(), [](int one, int other) { return one > other; });
        return next(left) + numbers[0];
    }
};

template <int N> int descend(int left, void (*wait)()) {
    Record<N> record;
    record.next = [wait](int left) -> int {
        if (left == 0) {
            wait();
            return 0;
        }
        if constexpr (N > 0) {
            return descend<N - 1>(left - 1, wait);
        }
        return 1;
    };
    return record.use(left);
}

} // namespace

extern "C" int unit_0(int left, void (*wait)()) {
    std::regex expression("[a-z]+([0-9]*)");
    std::smatch match;
    std::string text = "abc12";
    if (!std::regex_match(text, match, expression)) {
        return 0;
    }
    std::mt19937 random(left);
    std::filesystem::path path = "/tmp";
    std::future<int> future = std::async(std::launch::deferred, [] { return 1; });
    std::ostringstream stream;
    stream << path << random() << std::chrono::system_clock::now().time_since_epoch().count();
    return descend<12>(left, wait) + static_cast<int>(stream.str().size()) + future.get();
}
