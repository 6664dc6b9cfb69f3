// A program of several threads that is optimised and has no debug information.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <regex>
#include <string>
#include <thread>
#include <vector>

static int by_digits(const void *one, const void *other) {
    char first[32], second[32];
    snprintf(first, sizeof first, "%d", *static_cast<const int *>(one));
    snprintf(second, sizeof second, "%d", *static_cast<const int *>(other));
    return std::string(first).compare(second);
}

static void work(unsigned seed) {
    std::regex word("([a-z]+)([0-9]*)(x|y)*");
    for (;;) {
        std::vector<int> numbers(2000);
        for (int &number : numbers) {
            number = static_cast<int>(rand_r(&seed));
        }
        qsort(numbers.data(), numbers.size(), sizeof(int), by_digits);
        std::map<std::string, int> counted;
        for (int number : numbers) {
            counted[std::to_string(number % 100)]++;
        }
        std::smatch found;
        std::string text = "abcdefgh" + std::to_string(numbers[0]) + "xyxyxy";
        counted["matches"] += std::regex_match(text, found, word);
        try {
            counted.at("no such key");
        } catch (const std::out_of_range &) {
            std::sort(numbers.begin(), numbers.end(), [](int one, int other) { return one % 1000 < other % 1000; });
        }
    }
}

int main() {
    std::vector<std::thread> threads;
    for (unsigned seed = 1; seed < 4; seed++) {
        threads.emplace_back(work, seed);
    }
    puts("ready");
    fflush(stdout);
    work(99);
}
